/** What `/v1` lists: what is scheduled, what runs, and the dead letters. */

import { signal } from "@preact/signals";

import { type DeadLetters, type Message, ask, isClosed } from "./api.ts";

const EVERY_MS = 3_000;
const SHOWN = 20;
const MOST = 100;

export type Listing = "scheduled" | "running";

export interface Page {
  messages: Message[];
  cursor?: string;
}

export const pages = signal<Readonly<Record<Listing, Page | null>>>({ scheduled: null, running: null });
export const deadLetters = signal<DeadLetters | null>(null);
const isLong = signal<Readonly<Record<Listing, boolean>>>({ scheduled: false, running: false });

/** Whether more is there than is shown, and could be. */
export function hasMore(listing: Listing): boolean {
  return !isLong.value[listing] && pages.value[listing]?.cursor !== undefined;
}

export async function showMore(listing: Listing): Promise<void> {
  isLong.value = { ...isLong.value, [listing]: true };
  await look(listing);
}

export async function look(listing: Listing): Promise<void> {
  const limit = isLong.value[listing] ? MOST : SHOWN;
  const page = await ask<Page>("GET", `/messages?state=${listing}&limit=${limit}`);
  pages.value = { ...pages.value, [listing]: page };
}

export async function lookIntoQueues(): Promise<void> {
  deadLetters.value = await ask<DeadLetters>("GET", "/dead-letters");
}

export async function redrive(): Promise<{ redriven: number; left: number }> {
  const answer = await ask<{ redriven: number; left: number }>("POST", "/dead-letters/redrive");
  await lookIntoQueues();
  return answer;
}

/** Look at everything: one thing after the other, so that one copy of the function suffices. */
export async function lookAround(): Promise<void> {
  for (const each of [() => look("scheduled"), () => look("running"), lookIntoQueues]) {
    await each().catch(() => undefined);
  }
}

/** Look for as long as the page is open. */
export async function run(): Promise<void> {
  for (;;) {
    if (!document.hidden && !isClosed.value) await lookAround();
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}
