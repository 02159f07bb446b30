import { html, nothing, type TemplateResult } from 'lit';
import type { InvokeAnswer } from '../shapes.ts';
import { latencyText } from '../view.ts';
import { bytesOf, contentType, prettyBody } from './answer.ts';
import './binary-body.ts';

/** Everything an execution gave: status, headers, body, what it printed, how long it took. */
export function resultView(answer: InvokeAnswer): TemplateResult {
  const { status, latency_ms: latency, request_id: id, headers, stdout, stderr } = answer;
  return html`
    <p class="facts">
      <span class="badge ${status < 400 ? 'ok' : 'error'}">${status}</span>
      <span>${latencyText(latency)}</span> <code class="small">${id}</code>
    </p>
    ${bodyView(answer)}
    ${printed('stdout', stdout)} ${printed('stderr', stderr)}
    <details>
      <summary>Headers</summary>
      <dl class="facts-list">
        ${Object.entries(headers).map(
          ([name, value]) =>
            html`<div><dt>${name}</dt><dd><code>${typeof value === 'string' ? value : value.join(', ')}</code></dd></div>`,
        )}
      </dl>
    </details>
  `;
}

function bodyView(answer: InvokeAnswer): TemplateResult {
  const bytes = bytesOf(answer);
  if (bytes) return html`<fn-binary-body .bytes=${bytes} type=${contentType(answer)}></fn-binary-body>`;
  const text = prettyBody(answer);
  if (text === '') return html`<p class="quiet">No body.</p>`;
  return html`<div class="code-line"><pre tabindex="0" aria-label="Body">${text}</pre><fn-copy .text=${text} label="Copy the body"></fn-copy></div>`;
}

function printed(stream: string, text: string | undefined): TemplateResult | typeof nothing {
  return text ? html`<h3>${stream}</h3><pre class="printed" tabindex="0" aria-label=${stream}>${text}</pre>` : nothing;
}
