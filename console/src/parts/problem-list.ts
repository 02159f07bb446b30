import { html, nothing, type TemplateResult } from 'lit';
import type { PlatformProblem } from '../shapes.ts';

/** Problems with the file and line where they are known (P174). */
export function problemList(problems: readonly PlatformProblem[]): TemplateResult | typeof nothing {
  if (problems.length === 0) return nothing;
  return html`
    <ul class="problems" aria-label="Problems">
      ${problems.map(
        ({ severity, kind, file, line, message, hint }) => html`
          <li class="notice ${severity}">
            <p><strong>${kind}</strong>${file ? html` <code>${line ? `${file}:${line}` : file}</code>` : nothing}</p>
            <p class="message">${message}</p>
            ${hint ? html`<p>${hint}</p>` : nothing}
          </li>
        `,
      )}
    </ul>
  `;
}
