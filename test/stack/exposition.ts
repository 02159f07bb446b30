import type { TestStack } from './support.ts';

/** The metrics of a stack as they are now. */
export async function samplesOf(stack: TestStack): Promise<Samples> {
  return new Samples((await stack.get('/_fn/metrics')).text);
}

/** A parsed exposition. */
export class Samples {
  readonly #values = new Map<string, number>();
  readonly text: string;

  constructor(text: string) {
    this.text = text;
    for (const line of text.split('\n')) {
      const sample = /^([a-z_]+(?:\{.*\})?) (\S+)$/.exec(line);
      if (sample) this.#values.set(sample[1] as string, Number(sample[2]));
    }
  }

  /** All values by name with labels. */
  get entries(): Map<string, number> {
    return new Map(this.#values);
  }

  /** Names with labels, as they are written. */
  get keys(): string[] {
    return [...this.#values.keys()];
  }

  /** 0 for what is not there. */
  value(key: string): number {
    return this.#values.get(key) ?? 0;
  }

  /** Requests by function, method and status. */
  requests(functionKey: string, method: string, code: number): number {
    const runtime = functionKey.split('/')[0] as string;
    const labels = `function="${functionKey}",runtime="${functionKey === '' ? '' : runtime}",method="${method}",code="${code}"`;
    return this.value(`fastfn_http_requests_total{${labels}}`);
  }
}
