import {
  type DefaultRenderer,
  Listr,
  ListrDefaultRendererLogLevels,
  ListrLogger,
  type ListrTask,
  ProcessOutput,
  type SimpleRenderer,
  Spinner,
} from 'listr2';
import type { StackEvent, StartStep } from '../stack/events.ts';
import { type InstallEvent, type RunningInstall, RunningInstalls } from './installs.ts';
import { count } from './render-plain.ts';
import type { Style, View } from './view.ts';

type Step = StartStep | 'functions';
type Task = ListrTask<undefined, typeof DefaultRenderer, typeof SimpleRenderer>;
type TaskHandle = Parameters<Task['task']>[1];

const TITLES: Readonly<Record<Step, string>> = {
  checks: 'Checks',
  functions: 'Functions',
  runtimes: 'Runtimes',
  gateway: 'Gateway',
  routes: 'Routes',
};
const STILL_INSTALLING = 'still installing; the stack serves meanwhile';

/** How a step ended: by itself, or because the start did. */
type StepEnd = { readonly detail: string } | 'ready' | 'given up';

interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
}

/**
 * What a start does, each step with its progress, drawn by listr2 on standard error. It only shows: events settle its steps,
 * and it ends when it is told to, whatever is still under way then.
 */
export class StartList {
  readonly #steps = new Map<Step, Deferred<StepEnd>>();
  readonly #ended = deferred<'ready' | 'given up'>();
  readonly #installs = new RunningInstalls(() => this.#showLastLines());
  readonly #installing = new Map<RunningInstall, Deferred<StepEnd> & { task?: TaskHandle }>();
  #newInstalls: Deferred<void> = deferred();
  #waiting: RunningInstall[] = [];
  readonly #drawn: Promise<unknown>;

  constructor(view: View) {
    const steps = [this.#step('checks'), this.#step('functions'), this.#dependencies()];
    const tasks = [...steps, this.#step('runtimes'), this.#step('gateway'), this.#step('routes')];
    this.#drawn = new Listr<undefined, 'default'>(tasks, {
      concurrent: true,
      exitOnError: false,
      registerSignalListeners: false, // signals are src/cli/supervise.ts's
      renderer: 'default',
      rendererOptions: rendererOptions(view),
    }).run();
  }

  show(event: StackEvent): void {
    if (event.type === 'progress') this.#steps.get(event.step)?.resolve(event);
    else if (event.type === 'discovered') this.#steps.get('functions')?.resolve({ detail: describeFound(event) });
    else if (event.type === 'install') this.#install(event);
  }

  /** Draws the list for the last time; resolves when the terminal is free. */
  async end(outcome: 'ready' | 'given up'): Promise<void> {
    this.#ended.resolve(outcome);
    await this.#drawn;
    this.#installs.close();
  }

  #step(step: Step): Task {
    const done = deferred<StepEnd>();
    this.#steps.set(step, done);
    const title = TITLES[step];
    return {
      title,
      task: async (_, task) => {
        const end = await Promise.race([done.promise, this.#ended.promise]);
        if (end === 'given up') task.skip(title);
        else if (end !== 'ready' && end.detail !== '') task.title = `${title}: ${end.detail}`;
      },
    };
  }

  #dependencies(): Task {
    return {
      title: 'Dependencies',
      task: (_, task) => {
        void this.#ended.promise.then(() => {
          if (this.#installing.size === 0) task.title = 'Dependencies: nothing to install';
        });
        return task.newListr([this.#moreInstalls()], { concurrent: true });
      },
    };
  }

  /** Without a title, so that it is not seen itself: the installs that come next, and those after them. */
  #moreInstalls(): Task {
    return {
      task: async (_, task) => {
        await Promise.race([this.#newInstalls.promise, this.#ended.promise]);
        const installs = this.#waiting;
        if (installs.length === 0) return;
        this.#waiting = [];
        this.#newInstalls = deferred();
        const tasks = installs.map((install) => this.#installTask(install));
        return task.newListr([...tasks, this.#moreInstalls()], { concurrent: true });
      },
    };
  }

  #install(event: InstallEvent): void {
    const install = this.#installs.take(event);
    if (install === undefined) return;
    if (event.state === 'started') {
      this.#installing.set(install, deferred());
      this.#waiting.push(install);
      this.#newInstalls.resolve();
      return;
    }
    const detail = event.state === 'failed' ? 'failed' : `${((event.ms ?? 0) / 1000).toFixed(1)}s`;
    this.#installing.get(install)?.resolve({ detail });
  }

  #installTask(install: RunningInstall): Task {
    const { title } = install;
    const running = this.#installing.get(install)!;
    return {
      title,
      task: async (_, task) => {
        running.task = task;
        const end = await Promise.race([running.promise, this.#ended.promise]);
        if (end === 'given up') task.skip(title);
        else if (end === 'ready') task.skip(`${title}: ${STILL_INSTALLING}`);
        else if (end.detail === 'failed') throw new Error(`${title}: failed`);
        else task.title = `${title}: ${end.detail}`;
      },
    };
  }

  #showLastLines(): void {
    for (const [{ lastLine }, { task }] of this.#installing) if (task && lastLine !== '') task.output = lastLine;
  }
}

function describeFound({ functions, routes }: Extract<StackEvent, { type: 'discovered' }>): string {
  const total = Object.values(routes).reduce((sum, number) => sum + number, 0);
  return `${count(functions, 'function')}, ${count(total, 'route')}`;
}

/** Colours and symbols by our own rules (P1), in place of those that listr2 finds for itself. */
function rendererOptions({ paint, isUnicode }: View) {
  const level = ListrDefaultRendererLogLevels;
  const style = (style: Style) => (text?: string) => paint(style, text ?? '');
  const [done, failed, skipped, output] = isUnicode ? ['✔', '✖', '↓', '›'] : ['+', 'x', '-', '>'];
  return {
    logger: new ListrLogger({
      useIcons: true,
      toStderr: [],
      processOutput: new ProcessOutput(process.stderr, process.stderr, { leaveEmptyLine: false }),
    }),
    spinner: isUnicode ? new Spinner() : new AsciiSpinner(),
    collapseSubtasks: false,
    formatOutput: 'truncate',
    icon: {
      [level.PENDING]: isUnicode ? '❯' : '>',
      [level.COMPLETED]: done,
      [level.COMPLETED_WITH_FAILED_SUBTASKS]: failed,
      [level.FAILED]: failed,
      [level.SKIPPED_WITH_COLLAPSE]: skipped,
      [level.OUTPUT]: output,
    },
    color: {
      [level.PENDING]: style('warning'),
      [level.COMPLETED]: style('good'),
      [level.COMPLETED_WITH_FAILED_SUBTASKS]: style('bad'),
      [level.FAILED]: style('bad'),
      [level.SKIPPED_WITH_COLLAPSE]: style('warning'),
      [level.OUTPUT]: style('dim'),
    },
  } as const;
}

class AsciiSpinner extends Spinner {
  protected override readonly spinner = ['-', '\\', '|', '/'];
}

function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
