/** What caused a row, and what it caused: a chain from the handshake or message to what came of it. */

import type { Row } from "./api.ts";
import { isLineOf } from "./journal.ts";

export interface Links {
  causes: Row[];
  effects: Row[];
}

/** Whether `cause` led directly to `effect`, which came after it or beside it. */
function led(cause: Row, effect: Row): boolean {
  const isSameRequest = !!cause.requestId && cause.requestId === effect.requestId;
  const isSameConnection = !!cause.connectionId && cause.connectionId === effect.connectionId;
  switch (effect.kind) {
    case "invocation":
      if (cause.kind === "message") return isSameRequest;
      if (cause.kind === "handshake") {
        return isSameConnection && ["CONNECT", "AUTHORIZE"].includes(effect.eventType ?? "");
      }
      if (cause.kind === "invocation") return !!cause.trace && !!effect.sentBy?.includes(cause.trace);
      return cause.kind === "close" && isSameConnection && effect.eventType === "DISCONNECT";
    case "reply":
    case "error":
      return isSameRequest && (cause.kind === "invocation" || cause.kind === "message");
    case "post":
    case "look":
    case "delete":
      return cause.kind === "invocation" && !!cause.trace && cause.trace === effect.trace;
    case "close":
      return cause.kind === "delete" && isSameConnection && cause.status === 204;
    case "log":
      return isLineOf(effect, cause);
    case "why":
      return isAbout(effect, cause);
    default:
      return false;
  }
}

/** Whether a "why" line speaks of what this row shows: of its function, its route or its connection. */
function isAbout(why: Row, row: Row): boolean {
  if (row.kind === "log" || row.kind === "why") return false;
  const [what, name] = (why.place ?? "").split(" ");
  if (row.connectionId && why.text?.includes(row.connectionId)) return true;
  if (what === "function") return row.kind === "invocation" && row.function === name;
  return what === "route" && row.kind === "message" && row.route === name;
}

/** How far from its line in the list what a "why" line speaks of is looked for. */
const NEAR = 50;

/** Return the row that a "why" line was said of: the nearest that it speaks of, said before or after. */
function subjectOf(why: Row, all: readonly Row[]): Row | undefined {
  const spokenOf = all.filter((each) => areNear(each, why) && led(each, why));
  return spokenOf.sort((one, other) => Math.abs(one.id - why.id) - Math.abs(other.id - why.id))[0];
}

/** Return the "why" lines that were said of a row. */
function whysOf(row: Row, all: readonly Row[]): Row[] {
  const near = all.filter((each) => Math.abs(each.id - row.id) <= 2 * NEAR);
  return near.filter((each) => each.kind === "why" && areNear(each, row) && led(row, each) && subjectOf(each, near) === row);
}

function areNear(one: Row, other: Row): boolean {
  return Math.abs(one.id - other.id) <= NEAR;
}

export function linksOf(row: Row, all: readonly Row[]): Links {
  if (row.kind === "why") {
    const subject = subjectOf(row, all);
    return { causes: subject ? [...linksOf(subject, all).causes, subject] : [], effects: [] };
  }
  const direct = all.filter((each) => each !== row && led(each, row));
  // An answer has a message behind its event: what is nearest is what caused it.
  const nearest = direct.some((each) => each.kind === "invocation")
    ? direct.filter((each) => each.kind === "invocation")
    : direct;
  const causes = nearest.length === 1 && nearest[0] ? [...linksOf(nearest[0], all).causes, nearest[0]] : nearest;
  const effects = all.filter((each) => each !== row && each.kind !== "why" && led(row, each));
  const shown = row.kind === "message" ? withoutAnswers(effects) : effects;
  return { causes, effects: [...shown, ...whysOf(row, all)] };
}

/** What a message's event caused is listed there. */
function withoutAnswers(effects: Row[]): Row[] {
  const events = effects.filter((each) => each.kind === "invocation");
  return events.length ? events : effects;
}
