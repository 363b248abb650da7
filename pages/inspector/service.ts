/** What is served, and what it costs: asked for as long as the gateway is there. */

import { signal } from "@preact/signals";

import { type Connection, ask } from "./api.ts";
import * as journal from "./journal.ts";

export interface Served {
  template: string;
  apis: { api: string; stages: string[]; routes: string[]; routeSelectionExpression: string }[];
  functions: Record<string, { memoryMb: number; timeoutSeconds: number }>;
}

export interface Cost {
  messages: number;
  connectionMinutes: number;
  requests: number;
  gbSeconds: number;
  dollars: { total: number };
  prices: { region: string; asOf: string; sources: string[] };
}

export const connections = signal<readonly Connection[]>([]);
export const served = signal<Served | null>(null);
export const cost = signal<Cost | null>(null);

const EVERY_MS = 1_000;

/** Ask once; what can't be answered is left as it was, and the page says that nobody answers. */
export async function look(): Promise<void> {
  if (journal.link.value !== "live" || document.hidden) return;
  try {
    const [listed, spent] = await Promise.all([
      ask<{ connections: Connection[] }>("GET", "/connections"),
      ask<Cost>("GET", "/cost"),
    ]);
    connections.value = listed.connections;
    cost.value = spent;
    served.value ??= await ask<Served>("GET", "/template");
  } catch {
    connections.value = [];
  }
}

export function run(): void {
  journal.link.subscribe(() => {
    served.value = null; // a gateway that was started again may serve something else
    void look();
  });
  setInterval(() => void look(), EVERY_MS);
}
