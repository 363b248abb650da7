/** The public API under `/v1`, which is all that this page stands on; docs/reference/http-api.md. */

import { signal } from "@preact/signals";

export interface Failure {
  code: string;
  message: string;
}

/** What the API refused, in its own words. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly failure: Failure,
  ) {
    super(`${status} ${failure.message}`);
  }
}

export type State = "scheduled" | "sending" | "paused" | "done" | "cancelled";

export interface Message {
  messageId: string;
  state: State;
  counts: Record<string, number>;
  timeline: { state: string; firstAt: number; lastAt: number }[];
  acceptedAt: number;
  dueAt: number;
  expiresAt: number;
  qos: number;
  from: string;
  /** Absent of a push to all. */
  targets?: number;
  /** Of a push to many that has begun, 0 to 1. */
  progress?: number;
}

export interface DeadLetters {
  queues: {
    name: "jobs" | "receipts";
    waiting: number;
    hidden: number;
    records: { recordId: string; sentAt: number; kind?: string; messageId?: string; content?: string }[];
  }[];
}

export interface Receipt {
  clientId: string;
  state: string;
  at: number;
}

export interface Client {
  clientId: string;
  sessions: { sessionId?: string; connectionId?: string; connectedAt?: number; lastSeenAt?: number }[];
  lastSeenAt?: number;
  inbox?: Record<string, unknown>;
}

export interface Entry {
  seq: number;
  messageId: string;
  expiresAt: number;
  size: number;
}

export interface Statistics {
  deliveryRate?: number | null;
  online?: number | null;
  counts: Record<string, number>;
  histograms: Record<string, { count: number; mean?: number; buckets: { upper?: number | null; count: number }[] }>;
  minutes: { at: number; online?: number | null; counts: Record<string, number> }[];
}

/** The token or API key of this tab; null until one is asked for. */
export const token = signal<string>(sessionStorage.getItem("cloudpush-token") ?? "");
/** Whether the API has asked for one. */
export const isClosed = signal(false);
/** Whether the service can't be reached, or has nothing but errors. */
export const isLost = signal(false);
/** Whether the token may do something, but not read. */
export const mayNotRead = signal(false);

export function signIn(given: string): void {
  sessionStorage.setItem("cloudpush-token", given);
  token.value = given;
  isClosed.value = mayNotRead.value = false;
}

export function signOut(): void {
  sessionStorage.removeItem("cloudpush-token");
  token.value = "";
  isClosed.value = true;
}

export async function ask<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await reach(`../v1${path}`, {
    method,
    headers: {
      ...(token.value && { authorization: `Bearer ${token.value}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  // What answers in the place of the service may not speak JSON.
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    if (response.status === 401) isClosed.value = true;
    if (response.status === 403 && method === "GET") mayNotRead.value = true;
    throw new Refused(response.status, answer.error ?? { code: "unknown", message: response.statusText });
  }
  return answer;
}

async function reach(url: string, options: RequestInit): Promise<Response> {
  try {
    const response = await fetch(url, options);
    isLost.value = response.status >= 500;
    return response;
  } catch (error) {
    isLost.value = true;
    throw error;
  }
}
