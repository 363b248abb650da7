import type { ComponentChildren, JSX } from "preact";

import { visible } from "../shared/visible.ts";
import type { Message } from "./api.ts";
import * as listed from "./listed.ts";
import type { Listing } from "./listed.ts";
import * as messages from "./messages.ts";
import { attempt } from "./outcome.tsx";
import { texts } from "./texts.ts";
import { dayAndTime } from "./times.ts";

export function Scheduled(): JSX.Element {
  const t = texts.value;
  return (
    <Section
      listing="scheduled"
      title={t.scheduled}
      empty={t.nothingScheduled}
      acts={(message) => <Cancel message={message} listing="scheduled" />}
    >
      {(message) => (
        <p class="quiet">
          {t.due} <time>{dayAndTime(message.dueAt)}</time> · {t.targets(message.targets)} · {t.from} {visible(message.from)}
        </p>
      )}
    </Section>
  );
}

export function Running(): JSX.Element {
  const t = texts.value;
  return (
    <Section
      listing="running"
      title={t.running}
      empty={t.nothingRunning}
      acts={(message) => (
        <>
          {message.state === "paused" ? (
            <Act name={t.goOn} listing="running" done={t.goesOn} work={() => messages.change(message.messageId, "sending")} />
          ) : (
            <Act name={t.pause} listing="running" done={t.paused} work={() => messages.change(message.messageId, "paused")} />
          )}
          <Cancel message={message} listing="running" />
        </>
      )}
    >
      {(message) => (
        <>
          <progress value={message.progress ?? 0} max={1} aria-label={t.progressOf(message.messageId)} />
          <p class="quiet">
            <span class="badge">{t.states[message.state]}</span> {t.targets(message.targets)} ·{" "}
            {t.sentSoFar(message.counts["sent"] ?? 0)}
          </p>
        </>
      )}
    </Section>
  );
}

function Section(props: {
  listing: Listing;
  title: string;
  empty: string;
  /** What can be done with one, and what is told of it. */
  acts: (message: Message) => ComponentChildren;
  children: (message: Message) => ComponentChildren;
}): JSX.Element {
  const t = texts.value;
  const { listing } = props;
  const page = listed.pages.value[listing];
  const count = page?.messages.length ?? 0;
  return (
    <section class="card" aria-labelledby={`${listing}-title`}>
      <h2 id={`${listing}-title`}>
        {props.title} <span class="badge">{page?.cursor ? `${count}+` : count}</span>
      </h2>
      {page && count === 0 && <p class="empty">{props.empty}</p>}
      <ul class="known">
        {page?.messages.map((message) => (
          <li key={message.messageId}>
            <div class="line">
              <button
                type="button"
                class="id"
                onClick={() => void attempt(async () => (await messages.show(message.messageId), ""))}
              >
                <code>{message.messageId}</code>
              </button>
              {props.acts(message)}
            </div>
            {props.children(message)}
          </li>
        ))}
      </ul>
      {listed.hasMore(listing) && (
        <button type="button" onClick={() => void attempt(async () => (await listed.showMore(listing), ""))}>
          {t.showMore}
        </button>
      )}
    </section>
  );
}

function Cancel({ message, listing }: { message: Message; listing: Listing }): JSX.Element {
  const t = texts.value;
  return <Act name={t.cancel} listing={listing} done={t.cancelled} work={() => messages.cancel(message.messageId)} />;
}

function Act(props: { name: string; listing: Listing; done: string; work: () => Promise<void> }): JSX.Element {
  async function act(): Promise<string> {
    await props.work();
    await listed.look(props.listing);
    return props.done;
  }
  return (
    <button type="button" onClick={() => void attempt(act)}>
      {props.name}
    </button>
  );
}

export function DeadLetters(): JSX.Element {
  const t = texts.value;
  const queues = listed.deadLetters.value?.queues ?? [];
  const count = queues.reduce((sum, each) => sum + each.waiting + each.hidden, 0);

  async function redrive(): Promise<string> {
    const { redriven, left } = await listed.redrive();
    return t.redriven(redriven, left);
  }

  return (
    <section class="card" aria-labelledby="dead-letters-title">
      <h2 id="dead-letters-title">
        {t.deadLetters} <span class="badge">{count}</span>
      </h2>
      {count === 0 && <p class="empty">{t.noDeadLetters}</p>}
      {queues
        .filter((queue) => queue.waiting + queue.hidden > 0)
        .map((queue) => (
          <div key={queue.name} class="shown">
            <h3>{t.queues[queue.name]}</h3>
            <p>{t.inQueue(queue.waiting, queue.hidden)}</p>
            <ul class="moments bounded">
              {queue.records.map((record) => (
                <li key={record.recordId}>
                  <time>{dayAndTime(record.sentAt)}</time> {record.kind ?? t.unknownJob} <code>{record.messageId}</code>
                  {record.content !== undefined && (
                    <details>
                      <summary>{t.job}</summary>
                      <pre>{visible(record.content)}</pre>
                    </details>
                  )}
                </li>
              ))}
            </ul>
          </div>
        ))}
      {count > 0 && (
        <button type="button" onClick={() => void attempt(redrive)}>
          {t.redrive}
        </button>
      )}
    </section>
  );
}
