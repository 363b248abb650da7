/** What a person does to connections. */

import { signal } from "@preact/signals";

import { type Row, ask } from "./api.ts";
import * as journal from "./journal.ts";
import { look } from "./service.ts";

/** The text that is being written for the chosen connection. */
export const draft = signal("");
/** What came of the last thing that was done: for the reader, and for screen readers. */
export const outcome = signal<{ text: string; isBad: boolean } | null>(null);

/** Do something, and say what came of it. */
export async function attempt(done: string, work: () => Promise<string | void>): Promise<void> {
  try {
    const text = await work();
    outcome.value = { text: text || done, isBad: false };
  } catch (error) {
    outcome.value = { text: error instanceof Error ? error.message : String(error), isBad: true };
  }
  await look();
}

export async function speak(connectionId: string, text: string): Promise<void> {
  await ask("POST", `/connections/${encodeURIComponent(connectionId)}/messages`, { text });
}

export async function post(connectionId: string, text: string): Promise<void> {
  const path = `/connections/${encodeURIComponent(connectionId)}/posts`;
  const { status } = await ask<{ status: number }>("POST", path, { text });
  if (status !== 200) throw new Error(`${status}`);
}

export async function disconnect(connectionId: string): Promise<void> {
  await ask("DELETE", `/connections/${encodeURIComponent(connectionId)}`);
}

/** Return the whole text of a row, of which the list has the beginning. */
export async function wholeText(row: Row): Promise<string> {
  const whole = row.isCut ? await ask<Row>("GET", `/rows/${row.id}`) : row;
  return whole.text ?? "";
}

export async function resend(row: Row): Promise<void> {
  await speak(row.connectionId ?? "", await wholeText(row));
}

/** Put a message of a client where it can be changed and sent. */
export async function edit(row: Row): Promise<void> {
  journal.onlyConnection.value = row.connectionId ?? null;
  draft.value = await wholeText(row);
  requestAnimationFrame(() => document.getElementById("draft")?.focus());
}

export interface Client {
  api: string;
  stage: string;
  query: string;
  headers: string;
  subprotocols: string;
}

export async function open(client: Client): Promise<void> {
  const lines = client.headers.split("\n").filter((line) => line.includes(":"));
  const answer = await ask<{ status: number; body?: string }>("POST", "/clients", {
    api: client.api,
    stage: client.stage,
    query: Object.fromEntries(new URLSearchParams(client.query)),
    headers: Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(":")).trim(), line.slice(line.indexOf(":") + 1).trim()]),
    ),
    subprotocols: client.subprotocols.split(",").map((each) => each.trim()).filter(Boolean),
  });
  if (answer.status !== 101) throw new Error(`${answer.status} ${answer.body ?? ""}`);
}
