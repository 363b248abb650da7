import { useSignal } from "@preact/signals";
import type { JSX } from "preact";

import { type Client, type Entry, ask } from "./api.ts";
import * as messages from "./messages.ts";
import { attempt } from "./outcome.tsx";
import { texts } from "./texts.ts";
import { dayAndTime } from "./times.ts";

export function Clients(): JSX.Element {
  const t = texts.value;
  const wanted = useSignal("");
  const client = useSignal<Client | null>(null);
  const entries = useSignal<readonly Entry[]>([]);
  const reason = useSignal("");

  async function look(clientId: string): Promise<string> {
    client.value = null;
    entries.value = [];
    const path = `/clients/${encodeURIComponent(clientId)}`;
    client.value = await ask<Client>("GET", path);
    if (client.value.inbox) entries.value = (await ask<{ entries: Entry[] }>("GET", `${path}/inbox`)).entries;
    return "";
  }

  function search(event: Event): void {
    event.preventDefault();
    void attempt(() => look(wanted.value.trim()));
  }

  function disconnect(event: Event): void {
    event.preventDefault();
    const clientId = client.value?.clientId ?? "";
    void attempt(async () => {
      const answer = await ask<{ disconnected: number }>("DELETE", `/clients/${encodeURIComponent(clientId)}`, {
        ...(reason.value && { reason: reason.value }),
      });
      return t.disconnected(answer.disconnected);
    });
  }

  const found = client.value;
  return (
    <section class="card" aria-labelledby="client-title">
      <h2 id="client-title">{t.client}</h2>
      <form class="line" role="search" onSubmit={search}>
        <label>
          {t.clientId}
          <input value={wanted.value} onInput={(event) => (wanted.value = event.currentTarget.value)} />
        </label>
        <button type="submit" disabled={!wanted.value.trim()}>
          {t.search}
        </button>
      </form>
      {!found && <p class="empty">{t.noClient}</p>}
      {found && (
        <>
          <h3>
            <code>{found.clientId}</code> <span class="badge">{t.sessions(found.sessions.length)}</span>
          </h3>
          <ul class="moments">
            {found.sessions.map((session) => (
              <li key={session.sessionId}>
                <code>{session.sessionId}</code> {t.lastSeen} <time>{at(session.lastSeenAt)}</time>
              </li>
            ))}
          </ul>
          <h3>{t.inbox}</h3>
          {entries.value.length === 0 && <p class="quiet">{t.emptyInbox}</p>}
          <ul class="moments bounded">
            {entries.value.map((entry) => (
              <li key={entry.seq}>
                {entry.seq}{" "}
                <button type="button" class="small" onClick={() => void attempt(async () => (await messages.show(entry.messageId), ""))}>
                  <code>{entry.messageId}</code>
                </button>
              </li>
            ))}
          </ul>
          <form class="line" onSubmit={disconnect}>
            <label>
              {t.reason}
              <input value={reason.value} onInput={(event) => (reason.value = event.currentTarget.value)} />
            </label>
            <button type="submit" disabled={found.sessions.length === 0}>
              {t.disconnect}
            </button>
          </form>
        </>
      )}
    </section>
  );
}

function at(ms: number | undefined): string {
  return ms === undefined ? texts.value.none : dayAndTime(ms);
}
