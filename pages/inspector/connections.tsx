import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";

import { type Connection, ask } from "./api.ts";
import * as journal from "./journal.ts";
import { texts } from "./texts.ts";

const EVERY_MS = 1_000;
/** Beyond this many the list says how many more there are. */
const LISTED = 200;

const open = signal<Connection[]>([]);

async function look(): Promise<void> {
  if (journal.link.value !== "live" || document.hidden) return;
  try {
    open.value = (await ask<{ connections: Connection[] }>("GET", "/connections")).connections;
  } catch {
    open.value = []; // the feed has ended too, and the page says so
  }
}

export function Connections(): JSX.Element {
  const t = texts.value;
  useEffect(() => {
    void look();
    const timer = setInterval(() => void look(), EVERY_MS);
    return () => clearInterval(timer);
  }, [journal.link.value]);
  const connections = open.value;
  const only = journal.onlyConnection.value;
  return (
    <section class="connections" aria-labelledby="connections-title">
      <h2 id="connections-title">
        {t.connections} <span class="badge">{connections.length}</span>
      </h2>
      {connections.length === 0 && (
        <div class="empty">
          <p class="strong">{t.noConnections}</p>
          <p>{t.noConnectionsHelp}</p>
        </div>
      )}
      {(connections.length > 0 || only) && (
        <ul>
          <li>
            <button type="button" aria-pressed={only === null} onClick={() => choose(null)}>
              {t.all}
            </button>
          </li>
          {connections.slice(0, LISTED).map((each) => (
            <li key={each.connectionId}>
              <button
                type="button"
                aria-pressed={only === each.connectionId}
                onClick={() => choose(each.connectionId)}
              >
                <code>{each.connectionId}</code>
                <span class="about">
                  {each.api}/{each.stage} · {each.sourceIp} · {t.age} {since(each.connectedAt)} · {t.idle}{" "}
                  {since(each.lastActiveAt)}
                </span>
              </button>
            </li>
          ))}
          {connections.length > LISTED && <li class="more">+ {connections.length - LISTED}</li>}
        </ul>
      )}
    </section>
  );
}

function choose(connectionId: string | null): void {
  journal.onlyConnection.value = connectionId;
}

function since(at: string): string {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(at)) / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
