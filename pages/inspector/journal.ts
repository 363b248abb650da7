/** The rows that this page holds: the newest ones, found by id and by what links them. */

import { computed, signal } from "@preact/signals";

import { type Kind, type News, type Row, Refused, ask, follow } from "./api.ts";

/** How many rows the page holds. */
export const HELD = 5_000;
/** How many go at once when there are too many: one copy of the list for so many rows. */
const DROPPED = 500;
const AGAIN_MS = 1_000;

export const rows = signal<readonly Row[]>([]);
export const missed = signal(0);
export const link = signal<"connecting" | "live" | "lost" | "refused">("connecting");
export const isPaused = signal(false);
/** How many rows have come since the pause. */
export const waiting = signal(0);
export const selected = signal<number | null>(null);

export const search = signal("");
export const onlyConnection = signal<string | null>(null);
export const hidden = signal<ReadonlySet<Group>>(new Set());

export type Group = "clients" | "functions" | "posts" | "logs" | "why";

const GROUPS: Record<Kind, Group> = {
  handshake: "clients",
  message: "clients",
  reply: "clients",
  error: "clients",
  close: "clients",
  invocation: "functions",
  post: "posts",
  look: "posts",
  delete: "posts",
  log: "logs",
  why: "why",
};

/** What came since the pause; as bounded as what is shown. */
let held: Row[] = [];
const places = new Map<number, Row>();

function bounded(all: Row[]): Row[] {
  if (all.length <= HELD) return all;
  const kept = all.slice(all.length - HELD + DROPPED);
  const first = kept[0]?.id ?? 0;
  for (const id of places.keys()) {
    if (id >= first) break;
    places.delete(id);
  }
  return kept;
}

export function take(news: News): void {
  missed.value += news.missed;
  const fresh = news.rows.filter((row) => !places.has(row.id));
  for (const row of fresh) places.set(row.id, row);
  const changed = news.changed.filter((row) => places.has(row.id));
  for (const row of changed) places.set(row.id, row);
  if (isPaused.value) {
    held = bounded(replaced([...held, ...fresh], changed));
    waiting.value = held.length;
    if (changed.length) rows.value = replaced([...rows.value], changed);
  } else if (fresh.length || changed.length) {
    rows.value = bounded(replaced([...rows.value, ...fresh], changed));
  }
}

/** Put rows in the place of what was known of them. */
function replaced(all: Row[], changed: readonly Row[]): Row[] {
  for (const row of changed) {
    const at = placeOf(all, row.id);
    if (all[at]?.id === row.id) all[at] = row;
  }
  return all;
}

export function find(id: number | null): Row | null {
  return id === null ? null : (places.get(id) ?? null);
}

export function pause(): void {
  isPaused.value = !isPaused.value;
  if (!isPaused.value) {
    rows.value = bounded([...rows.value, ...held]);
    held = [];
    waiting.value = 0;
  }
}

export async function clear(): Promise<void> {
  await ask("DELETE", "/rows");
  places.clear();
  held = [];
  rows.value = [];
  waiting.value = missed.value = 0;
  selected.value = null;
}

/** Follow the gateway for as long as the page is open, through restarts of it. */
export async function run(): Promise<void> {
  for (;;) {
    try {
      const listed = await ask<{ rows: Row[] }>("GET", "/rows");
      restart(listed.rows);
      take({ rows: listed.rows, changed: listed.rows, missed: 0 });
      link.value = "live";
      for await (const news of follow(new AbortController().signal)) take(news);
      link.value = "lost";
    } catch (error) {
      link.value = error instanceof Refused && error.status === 403 ? "refused" : "lost";
      if (link.value === "refused") return;
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

/** A gateway that was started again counts from one: what is here is of another run. */
function restart(listed: Row[]): void {
  const newest = listed.at(-1);
  const known = newest && places.get(newest.id);
  const isOther = newest ? (known ? known.at !== newest.at : isBehind(newest.id)) : places.size > 0;
  if (isOther) {
    places.clear();
    rows.value = [];
    held = [];
  }
}

function isBehind(id: number): boolean {
  const last = rows.value.at(-1);
  return last !== undefined && id < last.id;
}

/** What a row is searched in, in lower case. */
function wordsOf(row: Row): string {
  const words = [row.kind, row.summary, row.connectionId, row.route, row.function, row.requestId];
  return [...words, row.text, row.event, row.answer].filter(Boolean).join("\n").toLowerCase();
}

export const shown = computed<readonly Row[]>(() => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const of = onlyConnection.value;
  const without = hidden.value;
  if (!words.length && !of && !without.size) return rows.value;
  return rows.value.filter((row) => {
    if (without.has(GROUPS[row.kind])) return false;
    if (of && row.connectionId !== of && !isLogOf(row, of)) return false;
    if (!words.length) return true;
    const text = wordsOf(row);
    return words.every((word) => text.includes(word));
  });
});

function isLogOf(row: Row, connectionId: string): boolean {
  return row.kind === "log" && eventOf(row)?.connectionId === connectionId;
}

/** Return the event that a line was written in; both are near each other. */
function eventOf(line: Row): Row | undefined {
  const all = rows.value;
  for (let at = placeOf(all, line.id) - 1, left = 200; at >= 0 && left > 0; at -= 1, left -= 1) {
    const row = all[at];
    if (row && isLineOf(line, row)) return row;
  }
  return undefined;
}

/** Return the index of the first row whose id is not smaller. */
function placeOf(all: readonly Row[], id: number): number {
  let low = 0;
  let high = all.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((all[middle]?.id ?? 0) < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether a line of a log was written while a function handled this event. */
export function isLineOf(line: Row, event: Row): boolean {
  return (
    line.kind === "log" &&
    event.kind === "invocation" &&
    line.function === event.function &&
    !!line.lambdaRequestId &&
    !!event.lambdaRequestId?.startsWith(line.lambdaRequestId)
  );
}
