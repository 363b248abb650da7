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

/** What came of it stays in sight, above what is scrolled, until it is put away. */
export function Outcome(): JSX.Element {
  const t = texts.value;
  const text = outcome.value?.text ?? "";
  return (
    <div class={`outcome ${text && "said"} ${outcome.value?.isBad ? "bad" : "good"}`}>
      <p role="log" aria-label={t.outcome}>
        {text}
      </p>
      {text && (
        <button type="button" class="small" aria-label={t.putAway} title={t.putAway} onClick={() => (outcome.value = null)}>
          ×
        </button>
      )}
    </div>
  );
}
