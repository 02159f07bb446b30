import { html, nothing, type TemplateResult } from 'lit';
import { customElement, query, state } from 'lit/decorators.js';
import { filterFunctions, titleOf } from '../functions.ts';
import { LiveController, live } from '../live.ts';
import { navigate } from '../navigation.ts';
import { functionHref, roomHref } from '../places.ts';
import { textIn, View } from '../view.ts';

const MAX_SHOWN = 12;

interface Hit {
  readonly href: string;
  readonly label: string;
  readonly hint: string;
}

const ROOMS: readonly Hit[] = (['functions', 'gateway', 'logs', 'access'] as const).map((room) => ({
  href: roomHref(room),
  label: room[0]!.toUpperCase() + room.slice(1),
  hint: 'room',
}));

/** Finds functions, routes and rooms from anywhere (P219); opened with Alt+S. */
@customElement('fn-search')
export class Search extends View {
  @state() private text = '';
  @state() private at = 0;
  @query('dialog') private dialog!: HTMLDialogElement;
  @query('input') private input!: HTMLInputElement;

  constructor() {
    super();
    new LiveController(this);
  }

  open(): void {
    this.text = '';
    this.at = 0;
    if (!this.dialog.open) this.dialog.showModal();
    this.input.value = '';
    this.input.focus();
  }

  get #hits(): readonly Hit[] {
    const functions = filterFunctions(live.rows, this.text).map(({ target, routes }) => ({
      href: functionHref(target),
      label: titleOf(target),
      hint: [target.runtime, ...routes].join(' · '),
    }));
    const rooms = ROOMS.filter(({ label }) => label.toLowerCase().startsWith(this.text.trim().toLowerCase()));
    return [...functions.slice(0, MAX_SHOWN), ...rooms];
  }

  #keydown(event: KeyboardEvent): void {
    const hits = this.#hits;
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0 && hits.length > 0) {
      event.preventDefault();
      this.at = (this.at + step + hits.length) % hits.length;
    }
    const hit = hits[this.at];
    if (event.key === 'Enter' && hit) {
      event.preventDefault();
      this.#go(hit);
    }
  }

  #go(hit: Hit): void {
    this.dialog.close();
    navigate(hit.href);
  }

  override updated(): void {
    this.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
  }

  override render(): TemplateResult {
    const hits = this.#hits;
    const selected = hits[this.at];
    return html`
      <dialog class="search" aria-label="Search">
        <input type="text" role="combobox" aria-label="Search functions, routes and rooms" placeholder="Search functions, routes and rooms"
          autocomplete="off" spellcheck="false" aria-expanded="true" aria-controls="search-hits" aria-autocomplete="list"
          aria-activedescendant=${selected ? `search-hit-${this.at}` : nothing}
          @input=${(event: InputEvent) => {
            this.text = textIn(event);
            this.at = 0;
          }}
          @keydown=${this.#keydown}>
        <ul id="search-hits" role="listbox" aria-label="Found">
          ${hits.map(
            (hit, index) => html`
              <li id="search-hit-${index}" role="option" aria-selected=${index === this.at ? 'true' : 'false'} @click=${() => this.#go(hit)}>
                <span>${hit.label}</span> <span class="quiet small">${hit.hint}</span>
              </li>
            `,
          )}
        </ul>
        ${hits.length === 0 ? html`<p class="quiet">Nothing is called “${this.text}”.</p>` : nothing}
      </dialog>
    `;
  }
}
