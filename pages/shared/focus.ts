/** Who uses the keyboard stays where they were when what they used goes away. */

/** Give the focus of an element that is removed to the part of the page that it was in. */
export function keepFocus(): void {
  let focused: HTMLElement | null = null;
  let part: HTMLElement | null = null;
  document.addEventListener("focusin", ({ target }) => {
    focused = target instanceof HTMLElement ? target : null;
    part = focused?.closest("section") ?? null;
  });
  new MutationObserver(() => {
    if (!focused || focused.isConnected || document.activeElement !== document.body) return;
    focused = null;
    const heir = part?.isConnected ? part : document.querySelector("main");
    heir?.setAttribute("tabindex", "-1");
    heir?.focus({ preventScroll: true });
  }).observe(document.body, { childList: true, subtree: true });
}
