import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect } from "preact/hooks";

import * as acting from "./acting.ts";
import { ask } from "./api.ts";
import * as journal from "./journal.ts";
import { served } from "./service.ts";
import { texts } from "./texts.ts";

/** What can be said on the chosen connection, from either side. */
export function Composer(): JSX.Element | null {
  const t = texts.value;
  const connectionId = journal.onlyConnection.value;
  if (connectionId === null) return null;
  const text = acting.draft.value;
  const templates = served.value?.apis.flatMap((api) => drafts(api)) ?? [];
  return (
    <section class="panel" aria-labelledby="composer-title">
      <h2 id="composer-title">{t.composer}</h2>
      <label>
        {t.draft}
        <textarea
          id="draft"
          rows={4}
          spellcheck={false}
          value={text}
          onInput={(event) => (acting.draft.value = event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void speak(connectionId);
          }}
        />
      </label>
      {templates.length > 0 && (
        <div class="buttons" role="group" aria-label={t.drafts}>
          {templates.map((each) => (
            <button key={each.route} type="button" class="small" onClick={() => (acting.draft.value = each.text)}>
              {each.route}
            </button>
          ))}
        </div>
      )}
      <div class="buttons">
        <button type="button" class="main" disabled={!text} onClick={() => void speak(connectionId)}>
          {t.speak}
        </button>
        <button
          type="button"
          disabled={!text}
          onClick={() => void acting.attempt(t.posted, () => acting.post(connectionId, text))}
        >
          {t.post}
        </button>
        <button
          type="button"
          onClick={() => void acting.attempt(t.disconnected, () => acting.disconnect(connectionId))}
        >
          {t.disconnect}
        </button>
      </div>
    </section>
  );
}

function speak(connectionId: string): Promise<void> {
  return acting.attempt(texts.value.sent, () => acting.speak(connectionId, acting.draft.value));
}

/** A message for each route that a field of the message chooses. */
function drafts(api: { routes: string[]; routeSelectionExpression: string }): { route: string; text: string }[] {
  const field = /^\$request\.body\.(\w+)$/.exec(api.routeSelectionExpression)?.[1];
  if (!field) return [];
  const routes = api.routes.filter((route) => !route.startsWith("$"));
  return routes.map((route) => ({ route, text: JSON.stringify({ [field]: route }) }));
}

export function NewClient(): JSX.Element {
  const t = texts.value;
  const stages = served.value?.apis.flatMap(({ api, stages }) => stages.map((stage) => ({ api, stage }))) ?? [];
  const chosen = useSignal(0);
  const query = useSignal("");
  const headers = useSignal("");
  const subprotocols = useSignal("");

  function open(event: Event): void {
    event.preventDefault();
    const place = stages[chosen.value];
    if (!place) return;
    void acting.attempt(t.opened, () =>
      acting.open({ ...place, query: query.value, headers: headers.value, subprotocols: subprotocols.value }),
    );
  }

  return (
    <Panel title={t.newClient}>
      <form class="fields" onSubmit={open}>
        <label>
          {t.facts.stage}
          <select value={chosen.value} onChange={(event) => (chosen.value = Number(event.currentTarget.value))}>
            {stages.map(({ api, stage }, index) => (
              <option key={`${api}/${stage}`} value={index}>{`${api}/${stage}`}</option>
            ))}
          </select>
        </label>
        <label>
          {t.facts.query}
          <input value={query.value} placeholder="name=ann" onInput={(event) => (query.value = event.currentTarget.value)} />
        </label>
        <label>
          {t.headers}
          <textarea
            rows={2}
            placeholder="Authorization: …"
            value={headers.value}
            onInput={(event) => (headers.value = event.currentTarget.value)}
          />
        </label>
        <label>
          {t.facts.subprotocol}
          <input value={subprotocols.value} onInput={(event) => (subprotocols.value = event.currentTarget.value)} />
        </label>
        <button type="submit" class="main" disabled={!stages.length}>
          {t.connect}
        </button>
      </form>
    </Panel>
  );
}

interface Faults {
  faults: Record<string, { value: number; unit: string; highest: number; meaning: string }>;
}

export function TimeAndFaults(): JSX.Element {
  const t = texts.value;
  const seconds = useSignal("600");
  const faults = useSignal<Faults["faults"]>({});
  const isLive = journal.link.value === "live";

  useEffect(() => {
    if (isLive) void ask<Faults>("GET", "/faults").then((answer) => (faults.value = answer.faults));
  }, [isLive]);

  function advance(event: Event): void {
    event.preventDefault();
    void acting.attempt("", async () => {
      const answer = await ask<{ now: string }>("POST", "/clock", { advance: Number(seconds.value) });
      return t.advanced(answer.now);
    });
  }

  function turn(name: string, value: string): void {
    void acting.attempt(t.faultSet, async () => {
      faults.value = (await ask<Faults>("POST", "/faults", { [name]: Number(value) })).faults;
    });
  }

  function end(): void {
    void acting.attempt(t.faultsEnded, async () => {
      faults.value = (await ask<Faults>("DELETE", "/faults")).faults;
    });
  }

  const areOn = Object.values(faults.value).some((fault) => fault.value > 0);
  return (
    <Panel title={t.timeAndFaults}>
      <form class="fields" onSubmit={advance}>
        <label>
          {t.seconds}
          <input
            inputMode="numeric"
            value={seconds.value}
            onInput={(event) => (seconds.value = event.currentTarget.value)}
          />
        </label>
        <button type="submit">{t.advance}</button>
      </form>
      <div class="fields">
        {Object.entries(faults.value).map(([name, fault]) => (
          <label key={name} class="fault" title={fault.meaning}>
            <span>
              {name} <span class="about">{fault.unit === "seconds" ? "s" : `0–${fault.highest}`}</span>
            </span>
            <input
              type="number"
              min={0}
              max={fault.highest}
              step="any"
              value={fault.value}
              onChange={(event) => turn(name, event.currentTarget.value)}
            />
          </label>
        ))}
        <button type="button" disabled={!areOn} onClick={end}>
          {t.endFaults}
        </button>
      </div>
    </Panel>
  );
}

function Panel({ title, children }: { title: string; children: ComponentChildren }): JSX.Element {
  return (
    <details class="panel">
      <summary>{title}</summary>
      {children}
    </details>
  );
}

/** What came of the last thing that was done. */
export function Outcome(): JSX.Element {
  const outcome = acting.outcome.value;
  return (
    <p class={`outcome ${outcome?.isBad ? "bad" : "good"}`} role="log" aria-label={texts.value.outcome}>
      {outcome?.text}
    </p>
  );
}
