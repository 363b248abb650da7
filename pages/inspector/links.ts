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
    default:
      return false;
  }
}

export function linksOf(row: Row, all: readonly Row[]): Links {
  const direct = all.filter((each) => each !== row && led(each, row));
  // An answer has a message behind its event: what is nearest is what caused it.
  const nearest = direct.some((each) => each.kind === "invocation")
    ? direct.filter((each) => each.kind === "invocation")
    : direct;
  const causes = nearest.length === 1 && nearest[0] ? [...linksOf(nearest[0], all).causes, nearest[0]] : nearest;
  const effects = all.filter((each) => each !== row && led(row, each));
  return { causes, effects: row.kind === "message" ? withoutAnswers(effects) : effects };
}

/** What a message's event caused is listed there. */
function withoutAnswers(effects: Row[]): Row[] {
  const events = effects.filter((each) => each.kind === "invocation");
  return events.length ? events : effects;
}
