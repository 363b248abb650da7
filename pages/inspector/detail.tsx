import type { JSX } from "preact";

import { Copy } from "../shared/copy.tsx";
import { Json } from "../shared/json.tsx";
import * as acting from "./acting.ts";
import { type Row, ask } from "./api.ts";
import * as journal from "./journal.ts";
import { toneOf } from "./lanes.tsx";
import { linksOf } from "./links.ts";
import { asPytest } from "./pytest.ts";
import { connections, served } from "./service.ts";
import { type Texts, texts } from "./texts.ts";

type Fact = keyof Texts["facts"];

const FACTS: Fact[] = [
  "at",
  "function",
  "route",
  "eventType",
  "api",
  "stage",
  "status",
  "code",
  "reason",
  "error",
  "clause",
  "place",
  "times",
  "durationMs",
  "memory",
  "connectionId",
  "requestId",
  "lambdaRequestId",
  "trace",
  "path",
  "query",
  "subprotocol",
  "sourceIp",
];

export function Detail(): JSX.Element {
  const t = texts.value;
  // A row that changes is the same object: the list is what says so.
  const all = journal.rows.value;
  const row = journal.find(journal.selected.value);
  return (
    <section class="detail" aria-labelledby="detail-title" data-is-empty={row === null} onKeyDown={press}>
      <h2 id="detail-title" class="hidden">
        {t.detail}
      </h2>
      {row ? <Shown row={row} all={all} /> : <p class="empty">{t.noDetail}</p>}
    </section>
  );
}

function press(event: KeyboardEvent): void {
  if (event.key === "Escape") close();
}

/** Show no row any more, and go back to the list. */
function close(): void {
  journal.selected.value = null;
  document.getElementById("row")?.focus();
}

function Shown({ row, all }: { row: Row; all: readonly Row[] }): JSX.Element {
  const t = texts.value;
  const { causes, effects } = linksOf(row, all);
  return (
    <>
      <header>
        <h3 class={toneOf(row)}>{t.kinds[row.kind]}</h3>
        <button type="button" onClick={close}>
          {t.close}
        </button>
      </header>
      {row.kind === "message" && <Doing row={row} all={all} />}
      {row.kind === "why" && <p class="why">{row.text}</p>}
      <dl class="facts">
        {FACTS.map((name) => {
          const value = factOf(row, name);
          return value === null ? null : (
            <div key={name}>
              <dt>{t.facts[name]}</dt>
              <dd>{value}</dd>
            </div>
          );
        })}
      </dl>
      {row.kind === "post" && !row.trace && <p class="note">{t.outside}</p>}
      <Linked title={t.causes} rows={causes} />
      <Linked title={t.effects} rows={effects} />
      {row.kind !== "why" && <Text title={t.text} text={row.text} />}
      <Text title={t.answer} text={row.answer} />
      <Text title={t.log} text={row.log} />
      <Text title={t.event} text={row.event} />
      {row.headers && (
        <Text title={t.headers} text={row.headers.map(([name, value]) => `${name}: ${value}`).join("\n")} />
      )}
      {row.isCut && (
        <button type="button" onClick={() => void loadWhole(row)}>
          {t.wholeText}
        </button>
      )}
    </>
  );
}

/** What can be done with a client's message. */
function Doing({ row, all }: { row: Row; all: readonly Row[] }): JSX.Element {
  const t = texts.value;
  const isOpen = connections.value.some((each) => each.connectionId === row.connectionId);
  return (
    <div class="buttons">
      <button type="button" disabled={!isOpen} onClick={() => void acting.attempt(t.sent, () => acting.resend(row))}>
        {t.resend}
      </button>
      <button type="button" disabled={!isOpen} onClick={() => void acting.attempt("", () => acting.edit(row))}>
        {t.edit}
      </button>
      <Copy
        text={asPytest(row, served.value?.template ?? "template.yaml", all)}
        label={t.copyPytest}
        done={t.copied}
      />
    </div>
  );
}

async function loadWhole(row: Row): Promise<void> {
  const whole = await ask<Row>("GET", `/rows/${row.id}`);
  journal.take({ rows: [], changed: [{ ...whole, isCut: false }], missed: 0 });
}

function factOf(row: Row, name: Fact): string | null {
  const t = texts.value;
  if (name === "start") return null;
  if (name === "durationMs") {
    if (row.kind !== "invocation") return null;
    if (row.durationMs === undefined) return row.isDone ? null : t.running;
    return `${row.durationMs.toFixed(2)} ms, ${row.isCold ? t.cold : t.warm}`;
  }
  if (name === "memory") {
    const memoryMb = row.kind === "invocation" && served.value?.functions[row.function ?? ""]?.memoryMb;
    return memoryMb ? `${memoryMb} MB` : null;
  }
  const value = row[name];
  return value === undefined || value === null || value === "" ? null : String(value);
}

function Linked({ title, rows }: { title: string; rows: Row[] }): JSX.Element | null {
  if (!rows.length) return null;
  return (
    <div class="linked">
      <h4>{title}</h4>
      <ul>
        {rows.map((row) => (
          <li key={row.id}>
            <button type="button" onClick={() => (journal.selected.value = row.id)}>
              <span class={`what ${toneOf(row)}`}>{texts.value.kinds[row.kind]}</span> {row.summary}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Text({ title, text }: { title: string; text: string | undefined }): JSX.Element | null {
  const t = texts.value;
  if (!text) return null;
  return (
    <div class="text">
      <h4>
        {title} <Copy text={text} label={t.copy} done={t.copied} />
      </h4>
      <Json text={text} label={title} />
    </div>
  );
}
