import { html, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { View } from '../view.ts';

/** A picture is shown, everything binary can be saved. */
@customElement('fn-binary-body')
export class BinaryBody extends View {
  @property({ attribute: false }) bytes = new Uint8Array();
  @property() type = '';
  #url = '';

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    URL.revokeObjectURL(this.#url);
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (!changed.has('bytes')) return;
    URL.revokeObjectURL(this.#url);
    // Never a document: opened in a tab of its own, one would be of this origin.
    const type = this.type.startsWith('image/') ? this.type : 'application/octet-stream';
    this.#url = URL.createObjectURL(new Blob([this.bytes], { type }));
  }

  override render(): TemplateResult {
    const name = `answer.${/^[\w.-]+\/([\w-]+)/.exec(this.type)?.[1] ?? 'bin'}`;
    return html`
      ${this.type.startsWith('image/') ? html`<img class="preview" src=${this.#url} alt="The answer as a picture">` : html`<p>${this.bytes.length} bytes of ${this.type || 'unknown type'}.</p>`}
      <p><a class="button" href=${this.#url} download=${name}>Download ${name}</a></p>
    `;
  }
}
