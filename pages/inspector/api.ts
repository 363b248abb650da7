/** The resources under `/_gateway`, which this page stands on; docs/reference/local-gateway.md. */

export type Kind =
  | "handshake"
  | "message"
  | "invocation"
  | "reply"
  | "error"
  | "post"
  | "look"
  | "delete"
  | "close"
  | "log"
  | "why";

export interface Row {
  id: number;
  at: string;
  kind: Kind;
  summary: string;
  connectionId?: string;
  requestId?: string;
  lambdaRequestId?: string;
  trace?: string;
  function?: string;
  /** Of an event of records: the traces of those who sent them. */
  sentBy?: string[];
  route?: string | null;
  eventType?: string;
  text?: string;
  event?: string;
  answer?: string;
  error?: string | null;
  isDone?: boolean;
  isCold?: boolean;
  isCut?: boolean;
  durationMs?: number;
  log?: string;
  status?: number;
  code?: number;
  reason?: string;
  clause?: string;
  place?: string;
  times?: number;
  api?: string;
  stage?: string;
  path?: string;
  query?: string;
  headers?: [string, string][];
  subprotocol?: string | null;
  sourceIp?: string;
}

export interface News {
  rows: Row[];
  changed: Row[];
  missed: number;
}

export interface Connection {
  connectionId: string;
  api: string | null;
  stage: string;
  connectedAt: string;
  lastActiveAt: string;
  sourceIp: string;
  userAgent: string | null;
  principalId: string | null;
  received: number;
  sent: number;
  bufferedBytes: number;
}

/** What the gateway refused, in its own words. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

function readToken(): string {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem("token", given);
    // It stays out of the history, bookmarks and screenshots.
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem("token") ?? "";
}

const headers = { "x-gateway-token": readToken() };

export async function ask<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(`.${path}`, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Refused(response.status, answer.message ?? response.statusText);
  return answer;
}

/** Yield what the feed sends until it ends, which it does when the gateway stops. */
export async function* follow(signal: AbortSignal): AsyncGenerator<News> {
  const response = await fetch("./feed", { headers, signal });
  if (!response.ok || !response.body) {
    throw new Refused(response.status, (await response.json()).message);
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop() ?? "";
    for (const event of events) {
      if (event.startsWith("data: ")) yield JSON.parse(event.slice("data: ".length));
    }
  }
}
