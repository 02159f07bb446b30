/** Sent on `window` when the address bar has changed. */
export const NAVIGATE_EVENT = 'fn-navigate';

/** Goes to an address of the console without loading a page. */
export function navigate(href: string): void {
  if (href !== location.pathname + location.search) history.pushState(null, '', href);
  window.dispatchEvent(new Event(NAVIGATE_EVENT));
}
