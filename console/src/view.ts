import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { Refusal, TOKEN_EVENT } from './api.ts';

/** An element without a shadow tree: one style sheet, labels and ids hold across elements. */
export abstract class View extends LitElement {
  readonly #again = () => this.reload();

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener(TOKEN_EVENT, this.#again);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener(TOKEN_EVENT, this.#again);
  }

  /** Asks again for what it shows; called when a token was entered. */
  protected reload(): void {}
}

/** What happened, as a `Refusal`; other errors are defects of the console and stay errors. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  throw error;
}

/** A refused action in the platform's own words, with the input for a token where that may help (P218). */
export function refusalNotice(refusal: Refusal | null): TemplateResult | typeof nothing {
  if (refusal === null) return nothing;
  return html`
    <div class="notice error" role="alert">
      <p><strong>${refusal.error}</strong>${refusal.status > 0 ? html` <span class="quiet">(${refusal.status})</span>` : nothing}</p>
      ${refusal.detail ? html`<p>${refusal.detail}</p>` : nothing}
      ${refusal.error === 'login required' ? html`<p><button class="button" type="button" @click=${() => location.reload()}>Log in</button></p>` : nothing}
      ${refusal.status === 401 || refusal.status === 403 ? html`<fn-token-form></fn-token-form>` : nothing}
    </div>
  `;
}

/** `12:04:09` of today, with the date for other days. */
export function timeText(epochMs: number): string {
  const time = new Date(epochMs);
  const clock = time.toLocaleTimeString(undefined, { hour12: false });
  return time.toDateString() === new Date().toDateString() ? clock : `${time.toLocaleDateString()} ${clock}`;
}

/** `61.8 ms`: more digits say nothing. */
export function latencyText(ms: number): string {
  return `${ms.toFixed(1)} ms`;
}

/** Tells people who listen rather than look; `app.ts` holds the live region. */
export function announce(text: string): void {
  window.dispatchEvent(new CustomEvent('fn-announce', { detail: text }));
}

/** What was typed or chosen. */
export function textIn(event: Event): string {
  return (event.target as HTMLInputElement).value;
}
