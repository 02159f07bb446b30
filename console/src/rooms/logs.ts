import '../logs/log-view.ts';
import { html, type TemplateResult } from 'lit';
import { customElement } from 'lit/decorators.js';
import { View } from '../view.ts';

/** What the platform and its functions say, live (P189). */
@customElement('fn-logs')
export class Logs extends View {
  override render(): TemplateResult {
    return html`
      <div class="room-head"><h1>Logs</h1></div>
      <fn-log-view></fn-log-view>
    `;
  }
}
