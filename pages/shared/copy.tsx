import type { JSX } from "preact";
import { useState } from "preact/hooks";

const SHOWN_MS = 1_500;

/** A button that puts a text on the clipboard, and says so. */
export function Copy(shown: { text: string; label: string; done: string }): JSX.Element {
  const [isDone, setDone] = useState(false);

  async function copy(): Promise<void> {
    await navigator.clipboard.writeText(shown.text);
    setDone(true);
    setTimeout(() => setDone(false), SHOWN_MS);
  }

  return (
    <button type="button" class="small" aria-live="polite" onClick={() => void copy()}>
      {isDone ? shown.done : shown.label}
    </button>
  );
}
