import { useSignal } from "@preact/signals";
import type { JSX } from "preact";

import { type Message, ask } from "./api.ts";
import * as listed from "./listed.ts";
import * as messages from "./messages.ts";
import { attempt } from "./outcome.tsx";
import { nameOf, texts } from "./texts.ts";
import { toTheMillisecond } from "./times.ts";

/** Whose receipts are kept, as `/v1` has it. */
const KEPT = ["all", "sample", "none"] as const;
type Kept = (typeof KEPT)[number];

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(texts.value.notJson(error instanceof Error ? error.message : ""));
  }
}

export function Pushing(): JSX.Element {
  const t = texts.value;
  const to = useSignal("");
  const isToAll = useSignal(false);
  const content = useSignal('{"text": "hello"}');
  const isKept = useSignal(true);
  const delay = useSignal("0");
  const kept = useSignal<Kept>("all");

  function send(event: Event): void {
    event.preventDefault();
    void attempt(async () => {
      const clients = to.value.split(",").map((each) => each.trim()).filter(Boolean);
      const answer = await ask<{ messageId: string; missing: string[] }>("POST", "/messages", {
        target: isToAll.value ? { all: true } : { clients },
        msg: parsed(content.value),
        qos: isKept.value ? 1 : 0,
        receipts: kept.value,
        ...(Number(delay.value) > 0 && { delaySeconds: Number(delay.value) }),
      });
      messages.remember(answer.messageId);
      await listed.lookAround();
      await messages.choose(answer.messageId);
      return t.accepted(answer.messageId, answer.missing.join(", "));
    });
  }

  return (
    <section class="card" aria-labelledby="push-title">
      <h2 id="push-title">{t.push}</h2>
      <form class="fields" onSubmit={send}>
        <label>
          {t.to}
          <input value={to.value} disabled={isToAll.value} onInput={(event) => (to.value = event.currentTarget.value)} />
        </label>
        <label class="check">
          <input type="checkbox" checked={isToAll.value} onChange={(event) => (isToAll.value = event.currentTarget.checked)} />
          {t.everybody}
        </label>
        <label>
          {t.content}
          <textarea
            rows={3}
            spellcheck={false}
            value={content.value}
            onInput={(event) => (content.value = event.currentTarget.value)}
          />
        </label>
        <label class="check">
          <input type="checkbox" checked={isKept.value} onChange={(event) => (isKept.value = event.currentTarget.checked)} />
          {t.keep}
        </label>
        <label>
          {t.delay}
          <input
            type="number"
            min={0}
            step={1}
            value={delay.value}
            onInput={(event) => (delay.value = event.currentTarget.value)}
          />
        </label>
        <label>
          {t.keptReceipts}
          <select value={kept.value} onChange={(event) => (kept.value = event.currentTarget.value as Kept)}>
            {KEPT.map((each) => (
              <option key={each} value={each}>
                {t.kept[each]}
              </option>
            ))}
          </select>
        </label>
        <button type="submit" class="main" disabled={!isToAll.value && !to.value.trim()}>
          {t.send}
        </button>
      </form>
    </section>
  );
}

export function Messages(): JSX.Element {
  const t = texts.value;
  const wanted = useSignal("");

  function lookUp(event: Event): void {
    event.preventDefault();
    const messageId = wanted.value.trim();
    void attempt(async () => (await messages.show(messageId), ""));
  }

  const known = messages.known.value;
  return (
    <section class="card" aria-labelledby="messages-title">
      <h2 id="messages-title">{t.messages}</h2>
      <form class="line" onSubmit={lookUp}>
        <label>
          {t.messageId}
          <input value={wanted.value} onInput={(event) => (wanted.value = event.currentTarget.value)} />
        </label>
        <button type="submit" disabled={!wanted.value.trim()}>
          {t.lookUp}
        </button>
      </form>
      {known.length === 0 && <p class="empty">{t.noMessages}</p>}
      <ul class="known">
        {known.map((each) => {
          const message = messages.found.value[each];
          return (
            <li key={each}>
              <button
                type="button"
                class="id"
                aria-pressed={messages.chosen.value === each}
                onClick={() => void attempt(async () => (await messages.choose(each), ""))}
              >
                <code>{each}</code> <span class="badge">{message ? t.states[message.state] : t.noRecord}</span>
              </button>
            </li>
          );
        })}
      </ul>
      <Chosen />
    </section>
  );
}

function Chosen(): JSX.Element | null {
  const id = messages.chosen.value;
  const message = id === null ? null : messages.found.value[id];
  return message ? <Shown message={message} /> : null;
}

function Shown({ message }: { message: Message }): JSX.Element {
  const t = texts.value;
  const { messageId, state } = message;
  const isOver = state === "done" || state === "cancelled";
  const receipts = messages.receipts.value;
  return (
    <div class="shown">
      {!isOver && (
        <div class="buttons">
          <button type="button" onClick={() => void attempt(async () => (await messages.cancel(messageId), t.cancelled))}>
            {t.cancel}
          </button>
          {state === "sending" && (
            <button
              type="button"
              onClick={() => void attempt(async () => (await messages.change(messageId, "paused"), t.paused))}
            >
              {t.pause}
            </button>
          )}
          {state === "paused" && (
            <button
              type="button"
              onClick={() => void attempt(async () => (await messages.change(messageId, "sending"), t.goesOn))}
            >
              {t.goOn}
            </button>
          )}
        </div>
      )}
      <h3>{t.counts}</h3>
      <dl class="counts">
        {Object.entries(message.counts).map(([name, count]) => (
          <div key={name}>
            <dt>{nameOf(name)}</dt>
            <dd>{count}</dd>
          </div>
        ))}
      </dl>
      <h3>{t.timeline}</h3>
      <ol class="moments">
        {message.timeline.map((moment) => (
          <li key={moment.state}>
            <time>{toTheMillisecond(moment.firstAt)}</time> {nameOf(moment.state)}
          </li>
        ))}
      </ol>
      <h3>{t.receipts}</h3>
      {receipts.length === 0 && <p class="quiet">{t.noReceipts}</p>}
      <ul class="moments">
        {receipts.map((receipt) => (
          <li key={receipt.clientId}>
            <time>{toTheMillisecond(receipt.at)}</time> {receipt.clientId}: {nameOf(receipt.state)}
          </li>
        ))}
      </ul>
    </div>
  );
}
