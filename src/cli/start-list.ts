import { Listr, ListrEventType, type ListrTask, SilentRenderer, type SimpleRenderer } from 'listr2';
import type { StackEvent, StartStep } from '../stack/events.ts';
import { type InstallEvent, type RunningInstall, RunningInstalls } from './installs.ts';
import { count } from './render-plain.ts';
import { describeTasks } from './start-lines.ts';
import type { View } from './view.ts';

type Step = StartStep | 'functions';
type Task = ListrTask<undefined, typeof SilentRenderer, typeof SimpleRenderer>;
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

const SPIN_MS = 100;

/**
 * What a start does, each step with its progress. It only shows: events settle its steps, and it ends when it is told to,
 * whatever is still under way then. listr2 runs the tasks; its renderers would keep standard output for themselves, hold back
 * what others write, and cost a tenth of a second.
 */
export class StartList {
  readonly #view: View;
  readonly #steps = new Map<Step, Deferred<StepEnd>>();
  readonly #ended = deferred<'ready' | 'given up'>();
  readonly #installs = new RunningInstalls(() => this.#showLastLines());
  readonly #installing = new Map<RunningInstall, Deferred<StepEnd> & { task?: TaskHandle }>();
  #newInstalls: Deferred<void> = deferred();
  #waiting: RunningInstall[] = [];
  readonly #listr: Listr<undefined, typeof SilentRenderer, typeof SimpleRenderer>;
  readonly #run: Promise<unknown>;
  readonly #spinning: NodeJS.Timeout;
  #turn = 0;

  constructor(view: View, onChange: () => void) {
    this.#view = view;
    const steps = [this.#step('checks'), this.#step('functions'), this.#dependencies()];
    this.#listr = new Listr([...steps, this.#step('runtimes'), this.#step('gateway'), this.#step('routes')], {
      concurrent: true,
      exitOnError: false,
      registerSignalListeners: false, // signals are src/cli/supervise.ts's
      renderer: SilentRenderer,
    });
    this.#listr.events.on(ListrEventType.SHOULD_REFRESH_RENDER, onChange);
    this.#run = this.#listr.run();
    this.#spinning = setInterval(() => {
      this.#turn += 1;
      onChange();
    }, SPIN_MS);
  }

  /** How far everything is. */
  get lines(): string[] {
    return describeTasks(this.#listr.tasks, this.#view, this.#turn);
  }

  show(event: StackEvent): void {
    if (event.type === 'progress') this.#steps.get(event.step)?.resolve(event);
    else if (event.type === 'discovered') this.#steps.get('functions')?.resolve({ detail: describeFound(event) });
    else if (event.type === 'install') this.#install(event);
  }

  /** Resolves when `lines` are the last ones. */
  async end(outcome: 'ready' | 'given up'): Promise<void> {
    this.#ended.resolve(outcome);
    await this.#run;
    this.#installs.close();
    clearInterval(this.#spinning);
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
        void this.#ended.promise.then((outcome) => {
          if (outcome === 'ready' && this.#installing.size === 0) task.title = 'Dependencies: nothing to install';
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
  return `${count(functions, 'function')}, ${count(routes, 'route')}`;
}

function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
