import { useSignal } from "@preact/signals";
import { render } from "preact";
import type { JSX } from "preact";

import { keepFocus } from "../shared/focus.ts";
import { choose, language } from "../shared/language.ts";
import { applyTheme, toggleTheme } from "../shared/theme.ts";
import { isClosed, isLost, mayNotRead, signIn, signOut, token } from "./api.ts";
import { Clients } from "./clients.tsx";
import * as listed from "./listed.ts";
import { DeadLetters, Running, Scheduled } from "./lists.tsx";
import * as messages from "./messages.ts";
import { Outcome } from "./outcome.tsx";
import { Overview } from "./overview.tsx";
import { Messages, Pushing } from "./pushing.tsx";
import { texts } from "./texts.ts";

function Page(): JSX.Element {
  const t = texts.value;
  return (
    <>
      <header class="top">
        <h1>{t.title}</h1>
        <span class="space" />
        <button
          type="button"
          lang={language.value === "en" ? "zh" : "en"}
          aria-label={t.languageLabel}
          onClick={() => choose(language.value === "en" ? "zh" : "en")}
        >
          {t.language}
        </button>
        <button type="button" aria-label={t.dark} title={t.dark} onClick={toggleTheme}>
          ◐
        </button>
        {token.value && (
          <button type="button" onClick={signOut}>
            {t.signOut}
          </button>
        )}
      </header>
      {isLost.value && <Alarm text={t.lost} />}
      {mayNotRead.value && !isClosed.value && <Alarm text={t.mayNotRead} />}
      <main>{isClosed.value ? <SignIn /> : <Console />}</main>
    </>
  );
}

function Alarm({ text }: { text: string }): JSX.Element {
  return (
    <p class="alarm" role="alert">
      {text}
    </p>
  );
}

function Console(): JSX.Element {
  return (
    <>
      <Outcome />
      <Overview />
      <div class="column">
        <Pushing />
        <Running />
        <Scheduled />
      </div>
      <div class="column">
        <Messages />
      </div>
      <div class="column">
        <Clients />
        <DeadLetters />
      </div>
    </>
  );
}

function SignIn(): JSX.Element {
  const t = texts.value;
  const given = useSignal("");

  function submit(event: Event): void {
    event.preventDefault();
    signIn(given.value.trim());
  }

  return (
    <section class="card alone" aria-labelledby="sign-in-title">
      <h2 id="sign-in-title">{t.signIn}</h2>
      <p>{t.signInHelp}</p>
      <form class="fields" onSubmit={submit}>
        <label>
          {t.token}
          <input
            type="password"
            autocomplete="off"
            value={given.value}
            onInput={(event) => (given.value = event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="main" disabled={!given.value.trim()}>
          {t.signIn}
        </button>
      </form>
    </section>
  );
}

applyTheme();
render(<Page />, document.getElementById("page") as HTMLElement);
keepFocus();
messages.run();
void listed.run();
