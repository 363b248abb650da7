import { computed, signal } from "@preact/signals";

export type Language = "en" | "zh";

function remembered(): Language {
  const kept = localStorage.getItem("language");
  if (kept === "en" || kept === "zh") return kept;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

/** The reader's language: what was chosen before, or else the browser's. */
export const language = signal<Language>(remembered());

export function choose(next: Language): void {
  localStorage.setItem("language", next);
  language.value = next;
}

/** Return the texts of the reader's language; reading `.value` follows a change of it. */
export function follow<Texts>(texts: Record<Language, Texts>) {
  return computed(() => {
    document.documentElement.lang = language.value;
    return texts[language.value];
  });
}
