/** Keys that do something wherever one is in the page, but in a field. */

import { signal } from "@preact/signals";

const OFF = "keys-off";

/** Whether the keys do anything: who speaks to the machine may have it write letters anywhere. */
export const areOn = signal(localStorage.getItem(OFF) === null);

export function turn(on: boolean): void {
  areOn.value = on;
  if (on) localStorage.removeItem(OFF);
  else localStorage.setItem(OFF, "");
}

export function listen(actions: Readonly<Record<string, () => void>>): void {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const act = Object.hasOwn(actions, event.key) ? actions[event.key] : undefined;
    if (!act || !areOn.value || isWriting(event.target) || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    act();
  });
}

function isWriting(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select"));
}
