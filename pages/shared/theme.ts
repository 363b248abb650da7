import { signal } from "@preact/signals";

type Theme = "light" | "dark";

const asked = localStorage.getItem("theme");

/** The look that was chosen, null for the system's. */
const chosen = signal<Theme | null>(asked === "light" || asked === "dark" ? asked : null);
const system = matchMedia("(prefers-color-scheme: dark)");

export function applyTheme(): void {
  if (chosen.value) document.documentElement.dataset["theme"] = chosen.value;
}

export function toggleTheme(): void {
  const current = chosen.value ?? (system.matches ? "dark" : "light");
  chosen.value = current === "dark" ? "light" : "dark";
  localStorage.setItem("theme", chosen.value);
  applyTheme();
}
