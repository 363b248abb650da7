import type { JSX } from "preact";

import { List } from "../shared/list.tsx";
import type { Row } from "./api.ts";
import * as journal from "./journal.ts";
import type { Group } from "./journal.ts";
import { Lanes, toneOf } from "./lanes.tsx";
import { texts } from "./texts.ts";

const ROW_HEIGHT = 26;
const GROUPS: Group[] = ["clients", "functions", "posts", "logs", "why"];

export function Timeline(): JSX.Element {
  const t = texts.value;
  const rows = journal.shown.value;
  const all = journal.rows.value;
  return (
    <section class="timeline" aria-labelledby="timeline-title">
      <h2 id="timeline-title" class="hidden">
        {t.timeline}
      </h2>
      <Filters />
      <div class="lane-names" aria-hidden="true">
        <span />
        <span class="names">
          {t.lanes.map((name) => (
            <span key={name}>{name}</span>
          ))}
        </span>
        <span class="count">{t.rows(rows.length, all.length)}</span>
      </div>
      {rows.length ? (
        <List
          id="row"
          label={t.timeline}
          items={rows}
          keyOf={(row) => row.id}
          rowHeight={ROW_HEIGHT}
          selected={journal.selected.value}
          select={(id) => (journal.selected.value = id)}
        >
          {(row) => <Line row={row} />}
        </List>
      ) : (
        <Empty isFiltered={all.length > 0} />
      )}
    </section>
  );
}

function Line({ row }: { row: Row }): JSX.Element {
  return (
    <>
      <time>{row.at.slice(11, 23)}</time>
      <Lanes row={row} height={ROW_HEIGHT} />
      <span class={`what ${toneOf(row)}`}>{texts.value.kinds[row.kind]}</span>
      <span class="who">{whoOf(row)}</span>
      <span class="summary">{summaryOf(row)}</span>
    </>
  );
}

function whoOf(row: Row): string {
  if (row.kind === "message") return row.route ?? "–";
  return row.function ?? row.clause ?? row.connectionId ?? "";
}

function summaryOf(row: Row): string {
  const t = texts.value;
  if (row.kind === "why") return row.text ?? row.summary;
  if (row.kind !== "invocation") return row.summary;
  const what = row.eventType ? `${row.eventType} ${row.route ?? ""}`.trim() : "";
  if (!row.isDone) return `${what} · ${t.running}`;
  const took = row.durationMs === undefined ? "" : `${row.durationMs.toFixed(1)} ms`;
  return [what, row.error, took, row.isCold ? t.cold : ""].filter(Boolean).join(" · ");
}

function Filters(): JSX.Element {
  const t = texts.value;
  const paused = journal.isPaused.value;
  return (
    <div class="filters" role="toolbar" aria-label={t.search}>
      <label class="search">
        <span class="hidden">{t.search}</span>
        <input
          id="search"
          type="search"
          placeholder={t.searchHint}
          value={journal.search.value}
          onInput={(event) => (journal.search.value = event.currentTarget.value)}
        />
      </label>
      <span class="groups">
        {GROUPS.map((group) => (
          <button
            key={group}
            type="button"
            aria-pressed={!journal.hidden.value.has(group)}
            onClick={() => toggle(group)}
          >
            {t.groups[group]}
          </button>
        ))}
      </span>
      <button id="pause" type="button" aria-pressed={paused} onClick={journal.pause}>
        {paused ? `${t.resume} · ${t.waiting(journal.waiting.value)}` : t.pause}
      </button>
      <button id="clear" type="button" onClick={() => void journal.clear()}>
        {t.clear}
      </button>
    </div>
  );
}

function toggle(group: Group): void {
  const next = new Set(journal.hidden.value);
  if (!next.delete(group)) next.add(group);
  journal.hidden.value = next;
}

function Empty({ isFiltered }: { isFiltered: boolean }): JSX.Element {
  const t = texts.value;
  return (
    <div class="empty">
      <p class="strong">{isFiltered ? t.nothingFits : t.empty}</p>
      <p>{isFiltered ? t.nothingFitsHelp : t.emptyHelp}</p>
      {isFiltered && (
        <button type="button" onClick={showAll}>
          {t.showAll}
        </button>
      )}
    </div>
  );
}

function showAll(): void {
  journal.search.value = "";
  journal.onlyConnection.value = null;
  journal.hidden.value = new Set();
}
