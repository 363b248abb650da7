import { signal } from "@preact/signals";
import type { JSX } from "preact";

import type { Kind, Row } from "./api.ts";

/** From which lane to which: 0 client, 1 gateway, 2 function, 3 `@connections`. */
const WAYS: Record<Kind, [number, number]> = {
  handshake: [0, 1],
  message: [0, 1],
  invocation: [1, 2],
  reply: [1, 0],
  error: [1, 0],
  post: [3, 0],
  look: [3, 1],
  delete: [3, 1],
  close: [1, 0],
  log: [2, 2],
  why: [1, 1],
};

const narrow = matchMedia("(max-width: 760px)");
/** As in the style sheet, `--lane`. */
const lane = signal(widthOf(narrow.matches));
narrow.addEventListener("change", () => (lane.value = widthOf(narrow.matches)));
const HEAD = 5;

function widthOf(isNarrow: boolean): number {
  return isNarrow ? 28 : 46;
}

function x(index: number): number {
  return (index + 0.5) * lane.value;
}

/** One row of the sequence diagram: four lifelines, and an arrow or a mark on them. */
export function Lanes({ row, height }: { row: Row; height: number }): JSX.Element {
  const [from, to] = WAYS[row.kind];
  const y = height / 2;
  const tip = x(to);
  const back = from < to ? -HEAD : HEAD;
  return (
    <svg class={`lanes ${toneOf(row)}`} width={lane.value * 4} height={height} aria-hidden="true">
      {[0, 1, 2, 3].map((index) => (
        <line key={index} class="life" x1={x(index)} x2={x(index)} y1={0} y2={height} />
      ))}
      {from === to ? (
        <circle class="mark" cx={tip} cy={y} r={3} />
      ) : (
        <>
          <line class="way" x1={x(from)} x2={tip} y1={y} y2={y} />
          <path class="tip" d={`M${tip} ${y}l${back} ${-HEAD + 1}v${2 * HEAD - 2}z`} />
          <circle class="mark" cx={x(from)} cy={y} r={2} />
        </>
      )}
    </svg>
  );
}

/** How a row is coloured: what failed stands out. */
export function toneOf(row: Row): string {
  if (row.kind === "why") return "warn";
  if (isFailed(row)) return "bad";
  if (row.kind === "invocation" || row.kind === "log") return "function";
  if (row.kind === "post" || row.kind === "look" || row.kind === "delete") return "post";
  return row.kind === "handshake" || row.kind === "close" ? "ends" : "frame";
}

export function isFailed(row: Row): boolean {
  if (row.kind === "error" || (row.kind === "invocation" && row.error)) return true;
  if (row.kind === "handshake") return row.status !== 101;
  return row.status !== undefined && row.status >= 400;
}
