import { html, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { announce, View } from '../view.ts';

const SHOWN_MS = 1500;

/** Copies a text; says what it copies to those who do not see it. */
@customElement('fn-copy')
export class CopyButton extends View {
  @property() text = '';
  @property() label = 'Copy';
  @state() private isDone = false;

  async #copy(): Promise<void> {
    await copyText(this.text);
    announce('Copied');
    this.isDone = true;
    setTimeout(() => {
      this.isDone = false;
    }, SHOWN_MS);
  }

  override render(): TemplateResult {
    return html`<button class="button small copy" type="button" aria-label=${this.label} @click=${this.#copy}>
      ${this.isDone ? 'Copied' : 'Copy'}
    </button>`;
  }
}

/** Browsers have the clipboard on HTTPS and on this machine only; elsewhere the old way still works. */
async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}
