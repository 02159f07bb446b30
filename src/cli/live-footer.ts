import type { Runtime } from '../functions/types.ts';
import type { TerminalSize } from './output.ts';
import { count } from './render-plain.ts';
import { cutToWidth, textWidth } from './text-width.ts';
import type { Style, View } from './view.ts';

/** What stands below the lines while a stack serves. */
export interface FooterFacts {
  readonly url: string;
  readonly routes: number;
  readonly routesByRuntime: Readonly<Partial<Record<Runtime, number>>>;
  /** null in `run`, which does not read its access log (P27). */
  readonly requests: number | null;
  /** Some requests were not told one by one. */
  readonly hasMoreRequests: boolean;
  /** Requests answered 500 or above. */
  readonly failures: number;
  readonly reloads: number;
  /** Installs that are under way, and what their tools said last. */
  readonly installs: readonly string[];
  readonly areLinesShown: boolean;
  readonly hasKeys: boolean;
}

/** Below this there is room for the lines alone. */
const MIN_COLUMNS = 16;
const MIN_ROWS = 4;
/** The bottom takes at most this part of the height. */
const ROWS_SHARE = 3;
const MAX_INSTALLS = 3;

type Part = readonly [style: Style, text: string];

/** The lines at the bottom, cut to the terminal: what is worth most stays longest. */
export function describeFooter(
  facts: FooterFacts,
  { paint, isUnicode }: Pick<View, 'paint' | 'isUnicode'>,
  { columns, rows }: TerminalSize,
): string[] {
  if (columns < MIN_COLUMNS || rows < MIN_ROWS) return [];
  const width = columns - 1; // a terminal that has written its last column may stand on either line
  const dot = isUnicode ? ' · ' : ' - ';
  const rule: Part[] = [['dim', (isUnicode ? '─' : '-').repeat(width)]];
  const installs = facts.installs.slice(0, MAX_INSTALLS).map((text): Part[] => [['warning', text]]);
  const byWorth = [
    addressLine(facts, dot),
    ...(facts.hasKeys ? [keysLine(facts, dot)] : []),
    countsLine(facts, dot),
    ...installs,
  ];
  const kept = byWorth.slice(0, Math.max(1, Math.floor(rows / ROWS_SHARE) - 1));
  const [address, ...rest] = kept;
  const keys = facts.hasKeys ? rest.slice(0, 1) : [];
  const others = rest.slice(keys.length);
  const lines = [rule, address!, ...others, ...keys];
  const cut = isUnicode ? '…' : '~';
  return lines.map((line) =>
    cutParts(line, width, cut)
      .map(([style, text]) => paint(style, text))
      .join(''),
  );
}

function addressLine({ url, routes, routesByRuntime }: FooterFacts, dot: string): Part[] {
  const runtimes = Object.entries(routesByRuntime).sort(([a], [b]) => a.localeCompare(b));
  const each = runtimes.map(([runtime, number]) => `${runtime} ${number}`).join(dot);
  return [
    ['strong', url],
    ['plain', `  ${count(routes, 'route')}`],
    ['dim', each === '' ? '' : `: ${each}`],
  ];
}

function countsLine(facts: FooterFacts, dot: string): Part[] {
  const { reloads, areLinesShown } = facts;
  return [
    ...requestParts(facts, dot),
    ['plain', count(reloads, 'reload')],
    ['warning', areLinesShown ? '' : `${dot}lines are hidden`],
  ];
}

function requestParts({ requests, hasMoreRequests, failures }: FooterFacts, dot: string): Part[] {
  if (requests === null) return [];
  return [
    ['plain', `${hasMoreRequests ? 'over ' : ''}${count(requests, 'request')}${dot}`],
    [failures === 0 ? 'plain' : 'bad', `${failures} failed`],
    ['plain', dot],
  ];
}

function keysLine({ areLinesShown }: FooterFacts, dot: string): Part[] {
  const keys = [
    ['r', 'reload'],
    ['l', areLinesShown ? 'hide logs' : 'show logs'],
    ['o', 'open'],
    ['q', 'quit'],
  ] as const;
  return keys.flatMap(([key, meaning], index): Part[] => [
    ['dim', index === 0 ? '' : dot],
    ['strong', key],
    ['dim', ` ${meaning}`],
  ]);
}

/** The parts that fit; where some do not, the last character says so. */
function cutParts(parts: readonly Part[], width: number, cut: string): Part[] {
  const total = parts.reduce((sum, [, text]) => sum + textWidth(text), 0);
  if (total <= width) return [...parts];
  const fitting: Part[] = [];
  let room = width - 1;
  for (const [style, text] of parts) {
    const shown = cutToWidth(text, room);
    room -= textWidth(shown);
    fitting.push([style, shown]);
    if (shown !== text) break;
  }
  return [...fitting, ['dim', cut]];
}
