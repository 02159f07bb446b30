import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { call, type Refusal } from '../api.ts';
import { changesOf, type EnvRow, HIDDEN, keyComplaint, rawChanges, rowsOf } from '../environment/draft.ts';
import { keyOf } from '../functions.ts';
import type { EnvEntry, FunctionEnvAnswer, Target } from '../shapes.ts';
import { announce, refusalNotice, refusalOf, textIn, View } from '../view.ts';

/** Edits fn.env.json: secrets stay hidden until they are replaced (P213, P225). */
@customElement('fn-environment')
export class Environment extends View {
  @property({ attribute: false }) target!: Target;
  @state() private answer: FunctionEnvAnswer | null = null;
  @state() private rows: readonly EnvRow[] = [];
  /** Text of the raw view; null while rows are shown. */
  @state() private raw: string | null = null;
  @state() private complaint: string | null = null;
  @state() private refusal: Refusal | null = null;
  @state() private isSaving = false;

  protected override willUpdate(changed: PropertyValues): void {
    if (!changed.has('target')) return;
    const before = changed.get('target') as Target | undefined;
    if (before && keyOf(before) === keyOf(this.target)) return;
    this.answer = null;
    this.reload();
  }

  /** What was typed survives a token that is entered in between. */
  protected override reload(): void {
    this.refusal = null;
    if (this.answer === null) void this.#read();
  }

  async #read(): Promise<void> {
    try {
      this.#take(await call<FunctionEnvAnswer>('/_fn/function-env', { query: { ...this.target } }));
    } catch (error) {
      this.refusal = refusalOf(error);
    }
  }

  #take(answer: FunctionEnvAnswer): void {
    this.answer = answer;
    this.rows = rowsOf(answer.fn_env);
    if (this.raw !== null) this.raw = rawText(answer.fn_env);
  }

  async #save(event: Event): Promise<void> {
    event.preventDefault();
    this.refusal = null;
    this.complaint = this.raw === null ? keyComplaint(this.rows) : null;
    const body = this.complaint === null ? this.#changes() : null;
    if (body === null) {
      announce(this.complaint ?? 'Nothing was changed');
      return;
    }
    this.isSaving = true;
    try {
      await this.#put(body);
    } catch (error) {
      await this.#refused(refusalOf(error));
    }
    this.isSaving = false;
  }

  #changes(): Readonly<Record<string, unknown>> | null {
    if (this.raw === null) return changesOf(this.rows);
    try {
      const edited = JSON.parse(this.raw) as Record<string, unknown>;
      return rawChanges(this.answer!.fn_env, edited);
    } catch (error) {
      this.complaint = (error as SyntaxError).message;
      return null;
    }
  }

  async #put(body: Readonly<Record<string, unknown>>): Promise<void> {
    const answer = await call<FunctionEnvAnswer>('/_fn/function-env', {
      method: 'PUT',
      query: { ...this.target },
      body,
      headers: { 'if-match': this.answer!.etag },
    });
    this.#take(answer);
    const failed = answer.load?.status === 'error';
    if (failed) this.complaint = `Saved, but the function does not load: ${answer.load.error ?? 'see its problems'}`;
    announce(this.complaint ?? 'Saved; the next request sees it');
  }

  /** Someone else's change is shown rather than overwritten (P165). */
  async #refused(refusal: Refusal): Promise<void> {
    this.refusal = refusal;
    if (refusal.status !== 412) return;
    await this.#read();
    this.complaint =
      'The file was changed by someone else meanwhile. It is shown as it is now; make your change again.';
    announce(this.complaint);
  }

  #edit(id: number, changes: Partial<EnvRow>): void {
    this.rows = this.rows.map((row) => (row.id === id ? { ...row, ...changes } : row));
  }

  async #add(): Promise<void> {
    const id = Math.max(-1, ...this.rows.map((row) => row.id)) + 1;
    this.rows = [
      ...this.rows,
      { id, key: '', value: '', isSecret: false, stored: null, isReplaced: true, isDeleted: false },
    ];
    await this.#focus(`#env-key-${id}`);
  }

  async #replace({ id }: EnvRow): Promise<void> {
    this.#edit(id, { value: '', isReplaced: true });
    await this.#focus(`#env-value-${id}`);
  }

  async #focus(selector: string): Promise<void> {
    await this.updateComplete;
    this.querySelector<HTMLElement>(selector)?.focus();
  }

  #switchView(): void {
    this.complaint = null;
    this.raw = this.raw === null ? rawText(this.answer!.fn_env) : null;
  }

  override render(): TemplateResult {
    const { answer } = this;
    return html`
      ${refusalNotice(this.refusal)}
      ${this.complaint ? html`<div class="notice warning" role="alert"><p>${this.complaint}</p></div>` : nothing}
      ${answer === null ? nothing : this.#form(answer)}
    `;
  }

  #form({ file_path: file }: FunctionEnvAnswer): TemplateResult {
    return html`
      <form class="card stack" aria-label="Environment" @submit=${this.#save}>
        <div class="split">
          <p class="quiet">Kept in <code>${file}</code>. A secret is never shown again; replace it to change it.</p>
          <button class="button small" type="button" aria-pressed=${this.raw !== null ? 'true' : 'false'} @click=${this.#switchView}>Raw JSON</button>
        </div>
        ${this.raw === null ? this.#rowsView() : this.#rawView(this.raw)}
        <div class="actions"><button class="button primary" type="submit" ?disabled=${this.isSaving}>Save</button></div>
      </form>
    `;
  }

  #rawView(raw: string): TemplateResult {
    return html`
      <label for="env-raw" class="sr">Environment as JSON</label>
      <textarea id="env-raw" rows="14" spellcheck="false" .value=${raw}
        @input=${(event: Event) => {
          this.raw = textIn(event);
        }}></textarea>
      <p class="quiet small">A value of <code>${HIDDEN}</code> keeps what is stored; a key that you remove is deleted.</p>
    `;
  }

  #rowsView(): TemplateResult {
    return html`
      ${this.rows.length === 0 ? html`<p class="empty">No variable yet. Add one; the function reads it from <code>event.env</code>.</p>` : nothing}
      ${this.rows.map((row) => this.#row(row))}
      <div><button class="button small" type="button" @click=${this.#add}>Add variable</button></div>
    `;
  }

  #row(row: EnvRow): TemplateResult {
    const { id, key, isSecret, stored, isDeleted } = row;
    const name = key === '' ? 'new variable' : key;
    return html`
      <div class="env-row ${isDeleted ? 'deleted' : ''}" role="group" aria-label=${name}>
        <input id="env-key-${id}" class="mono" aria-label="Key" placeholder="KEY" spellcheck="false" autocapitalize="none" .value=${key}
          ?readonly=${stored !== null} ?disabled=${isDeleted}
          @input=${(event: Event) => this.#edit(id, { key: textIn(event).trim() })}>
        ${this.#value(row, name)}
        <label class="check"><input type="checkbox" role="switch" aria-label="${name} is secret" .checked=${isSecret} ?disabled=${isDeleted}
          @change=${(event: Event) => this.#edit(id, { isSecret: (event.target as HTMLInputElement).checked })}> Secret</label>
        <button class="button small" type="button" aria-label=${isDeleted ? `Keep ${name}` : `Delete ${name}`}
          @click=${() => this.#edit(id, { isDeleted: !isDeleted })}>${isDeleted ? 'Keep' : 'Delete'}</button>
      </div>
    `;
  }

  #value(row: EnvRow, name: string): TemplateResult {
    const { id, value, stored, isReplaced, isDeleted } = row;
    if (stored?.from_env && !isReplaced) {
      return html`<span class="masked">from <code>${stored.from_env}</code></span>`;
    }
    if (stored?.value === HIDDEN && !isReplaced) {
      return html`<span class="masked"><code>${HIDDEN}</code>
        <button class="button small" type="button" aria-label="Replace the value of ${name}" ?disabled=${isDeleted} @click=${() => this.#replace(row)}>Replace</button></span>`;
    }
    return html`<input id="env-value-${id}" class="mono" aria-label="Value of ${name}" placeholder="value" spellcheck="false" autocomplete="off" .value=${value}
      ?disabled=${isDeleted} @input=${(event: Event) => this.#edit(id, { value: textIn(event), isReplaced: true })}>`;
  }
}

function rawText(env: Readonly<Record<string, EnvEntry>>): string {
  return JSON.stringify(env, null, 2);
}
