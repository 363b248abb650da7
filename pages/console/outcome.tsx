import { signal } from "@preact/signals";
import type { JSX } from "preact";

import { texts } from "./texts.ts";

const outcome = signal<{ text: string; isBad: boolean } | null>(null);

/** Do something, and say what came of it. */
export async function attempt(work: () => Promise<string>): Promise<void> {
  try {
    outcome.value = { text: await work(), isBad: false };
  } catch (error) {
    outcome.value = { text: error instanceof Error ? error.message : String(error), isBad: true };
  }
}

export function Outcome(): JSX.Element {
  return (
    <p class={`outcome ${outcome.value?.isBad ? "bad" : "good"}`} role="log" aria-label={texts.value.outcome}>
      {outcome.value?.text}
    </p>
  );
}
