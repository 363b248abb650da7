import { createRef } from "preact";
import type { JSX } from "preact";

import * as keys from "../shared/keys.ts";
import * as journal from "./journal.ts";
import { texts } from "./texts.ts";

const dialog = createRef<HTMLDialogElement>();

function open(): void {
  dialog.current?.showModal();
}

/** The keys of this page, and what each does. */
const ACTIONS = {
  "/": () => document.getElementById("search")?.focus(),
  p: journal.pause,
  c: () => void journal.clear(),
  "?": open,
};

export function listen(): void {
  keys.listen(ACTIONS);
}

export function Help(): JSX.Element {
  const t = texts.value;
  return (
    <>
      <button type="button" aria-label={t.keys} title={t.keys} onClick={open}>
        ?
      </button>
      <dialog ref={dialog} aria-labelledby="keys-title">
        <h2 id="keys-title">{t.keys}</h2>
        <dl class="keys">
          {(Object.keys(ACTIONS) as (keyof typeof ACTIONS)[]).map((key) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{t.keyActions[key]}</dd>
            </div>
          ))}
        </dl>
        <label class="check">
          <input type="checkbox" checked={keys.areOn.value} onChange={(event) => keys.turn(event.currentTarget.checked)} />
          {t.keysOn}
        </label>
        <form method="dialog">
          <button type="submit" class="main">
            {t.close}
          </button>
        </form>
      </dialog>
    </>
  );
}
