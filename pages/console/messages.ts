/** The messages that this tab has sent or looked up. */

import { signal } from "@preact/signals";

import { type Message, type Receipt, type State, Refused, ask } from "./api.ts";

/** How many messages are kept in sight. */
const KEPT = 50;
const EVERY_MS = 1_000;
const RECEIPTS = 100;

export const known = signal<readonly string[]>(JSON.parse(sessionStorage.getItem("messages") ?? "[]") as string[]);
export const found = signal<Readonly<Record<string, Message | null>>>({});
export const chosen = signal<string | null>(null);
export const receipts = signal<readonly Receipt[]>([]);

export function remember(messageId: string): void {
  known.value = [messageId, ...known.value.filter((each) => each !== messageId)].slice(0, KEPT);
  sessionStorage.setItem("messages", JSON.stringify(known.value));
}

export async function look(messageId: string): Promise<void> {
  const path = `/messages/${encodeURIComponent(messageId)}`;
  try {
    put(messageId, await ask<Message>("GET", path));
    if (chosen.value === messageId) {
      const listed = await ask<{ receipts: Receipt[] }>("GET", `${path}/receipts?limit=${RECEIPTS}`);
      if (chosen.value === messageId) receipts.value = listed.receipts;
    }
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 404) throw error;
    put(messageId, null);
  }
}

export async function choose(messageId: string): Promise<void> {
  chosen.value = messageId;
  receipts.value = [];
  await look(messageId);
}

/** Choose a message, and keep it in sight. */
export async function show(messageId: string): Promise<void> {
  remember(messageId);
  await choose(messageId);
}

export async function cancel(messageId: string): Promise<void> {
  put(messageId, await ask<Message>("DELETE", `/messages/${encodeURIComponent(messageId)}`));
}

export async function change(messageId: string, state: State): Promise<void> {
  put(messageId, await ask<Message>("PATCH", `/messages/${encodeURIComponent(messageId)}`, { state }));
}

function put(messageId: string, message: Message | null): void {
  found.value = { ...found.value, [messageId]: message };
}

function isOver(messageId: string): boolean {
  const message = found.value[messageId];
  return message === null || message?.state === "done" || message?.state === "cancelled";
}

/** Follow those that are not over yet. */
export function run(): void {
  setInterval(() => {
    if (document.hidden) return;
    for (const each of known.value.filter((id) => !isOver(id))) void look(each).catch(() => undefined);
  }, EVERY_MS);
}
