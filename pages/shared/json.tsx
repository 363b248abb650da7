import type { JSX } from "preact";

import { visible } from "./visible.ts";

const TOKENS = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g;

/** Beyond this a text is shown as it came: colours would take longer than reading. */
const COLOURED = 100_000;

/** Return JSON with line breaks and indentation, null of a text that is none. */
export function pretty(text: string): string | null {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null;
  }
}

/** A text: JSON laid out and coloured, anything else as it is; nothing in it goes unseen. */
export function Json({ text, label }: { text: string; label: string }): JSX.Element {
  const laidOut = pretty(text);
  const shown = visible(laidOut ?? text);
  const content = laidOut === null || shown.length > COLOURED ? shown : colour(shown);
  return (
    <pre class="json" tabIndex={0} aria-label={label}>
      {content}
    </pre>
  );
}

function colour(text: string): (string | JSX.Element)[] {
  const pieces: (string | JSX.Element)[] = [];
  let end = 0;
  for (const match of text.matchAll(TOKENS)) {
    pieces.push(text.slice(end, match.index));
    const [whole, quoted, colon, word] = match;
    if (quoted) {
      pieces.push(<span class={colon ? "key" : "string"}>{quoted}</span>, colon ?? "");
    } else {
      pieces.push(<span class={word ? "word" : "number"}>{whole}</span>);
    }
    end = match.index + whole.length;
  }
  pieces.push(text.slice(end));
  return pieces;
}
