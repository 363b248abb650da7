import { render } from "preact";
import type { JSX } from "preact";

import { keepFocus } from "../shared/focus.ts";
import { choose, language } from "../shared/language.ts";
import { applyTheme, toggleTheme } from "../shared/theme.ts";
import { Connections } from "./connections.tsx";
import { CostLine } from "./cost.tsx";
import { Detail } from "./detail.tsx";
import { Help, listen } from "./help.tsx";
import * as journal from "./journal.ts";
import { Composer, NewClient, Outcome, TimeAndFaults } from "./panels.tsx";
import * as service from "./service.ts";
import { texts } from "./texts.ts";
import { Timeline } from "./timeline.tsx";

function Page(): JSX.Element {
  const t = texts.value;
  const link = journal.link.value;
  return (
    <>
      <header class="top">
        <h1>{t.title}</h1>
        <span class={`state ${link}`} role="status">
          {t[link]}
        </span>
        {journal.missed.value > 0 && <span class="missed">{t.missed(journal.missed.value)}</span>}
        <span class="space" />
        <Help />
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
      </header>
      {(link === "lost" || link === "refused") && (
        <p class="alarm" role="alert">
          {link === "lost" ? t.lostHelp : t.refusedHelp}
        </p>
      )}
      <main>
        <div class="side">
          <Connections />
          <Outcome />
          <Composer />
          <NewClient />
          <TimeAndFaults />
        </div>
        <Timeline />
        <Detail />
      </main>
      <CostLine />
    </>
  );
}

applyTheme();
render(<Page />, document.getElementById("page") as HTMLElement);
void journal.run();
service.run();
listen();
keepFocus();
