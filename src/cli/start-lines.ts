import { cutToWidth, textWidth } from './text-width.ts';
import type { Style, View } from './view.ts';

/** A step of a start as listr2 keeps it, as far as it is shown. */
export interface ShownTask {
  readonly title?: string | undefined;
  /** What it said last. */
  readonly output?: string | undefined;
  readonly message: { readonly skip?: string | undefined };
  /** Absent until it has some. */
  readonly subtasks?: readonly ShownTask[] | undefined;
  isCompleted(): boolean;
  isSkipped(): boolean;
  hasFailed(): boolean;
}

const SPINNER = { unicode: '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏', ascii: '-\\|/' } as const;
const INDENT = '  ';

/** A line per task and per thing it says, each cut to the terminal; `turn` counts the turns of the spinner. */
export function describeTasks(
  tasks: readonly ShownTask[],
  view: Pick<View, 'paint' | 'isUnicode' | 'columns'>,
  turn: number,
  indent = '',
): string[] {
  return tasks.flatMap((task) => {
    if (task.title === undefined) return describeTasks(task.subtasks ?? [], view, turn, indent); // only holds others together
    const [style, symbol] = symbolOf(task, view.isUnicode, turn);
    const text = task.isSkipped() ? (task.message.skip ?? task.title) : task.title;
    const isOver = task.isCompleted() || task.isSkipped() || task.hasFailed();
    const said = isOver || task.output === undefined ? [] : [task.output];
    return [
      `${indent}${view.paint(style, symbol)} ${cut(text, indent.length + 2, view)}`,
      ...said.map((line) => view.paint('dim', `${indent}${INDENT}${cut(line, indent.length + INDENT.length, view)}`)),
      ...describeTasks(task.subtasks ?? [], view, turn, indent + INDENT),
    ];
  });
}

function symbolOf(task: ShownTask, isUnicode: boolean, turn: number): readonly [Style, string] {
  if (task.hasFailed()) return ['bad', isUnicode ? '✖' : 'x'];
  if (task.isSkipped()) return ['warning', isUnicode ? '↓' : '-'];
  if (task.isCompleted()) return ['good', isUnicode ? '✔' : '+'];
  const spinner = isUnicode ? SPINNER.unicode : SPINNER.ascii;
  return ['warning', spinner[turn % spinner.length]!];
}

function cut(text: string, taken: number, { columns, isUnicode }: Pick<View, 'columns' | 'isUnicode'>): string {
  const room = columns() - 1 - taken;
  return textWidth(text) <= room ? text : `${cutToWidth(text, room - 1)}${isUnicode ? '…' : '~'}`;
}
