import type { JSX } from "preact";

import { visible } from "../shared/visible.ts";
import * as journal from "./journal.ts";
import { connections as open } from "./service.ts";
import { texts } from "./texts.ts";

/** Beyond this many the list says how many more there are. */
const LISTED = 200;
/** An authorizer may say thousands of characters; so many tell who it is. */
const NAMED = 200;

export function Connections(): JSX.Element {
  const t = texts.value;
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
                {each.principalId !== null && <Principal id={each.principalId} />}
                <span class="about">
                  {each.api}/{each.stage} · {each.sourceIp}
                </span>
                <span class="about">
                  {t.frames(each.received, each.sent)} · {t.age(since(each.connectedAt))} ·{" "}
                  {t.idle(since(each.lastActiveAt))}
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

function Principal({ id }: { id: string }): JSX.Element {
  const name = visible(id.length > NAMED ? `${id.slice(0, NAMED)}…` : id);
  return (
    <span class="principal" title={name}>
      {name}
    </span>
  );
}

function choose(connectionId: string | null): void {
  journal.onlyConnection.value = connectionId;
}

function since(at: string): string {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(at)) / 1000));
  if (seconds < 60) return `${seconds}\u00a0s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes}\u00a0min` : `${Math.floor(minutes / 60)}\u00a0h\u00a0${minutes % 60}\u00a0min`;
}
