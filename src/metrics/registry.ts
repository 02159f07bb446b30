import {
  boundsOf,
  type CounterName,
  FAMILIES,
  type FamilyName,
  familyOf,
  type GaugeName,
  type HistogramName,
  type LabelsOf,
} from './families.ts';

/** The classes of a histogram that fill up: how many values fell into each (the last: above all bounds), and their sum. */
export interface Distribution {
  readonly counts: Float64Array;
  sum: number;
}

/** One labelled value; its labels are rendered once, when it appears. */
export interface Series {
  /** `a="1",b="2"`, or empty. */
  readonly labels: string;
  value: number;
  /** Histograms only. */
  readonly distribution: Distribution | null;
}

/** The values of all metrics. Counters and histograms only grow. */
export class Registry {
  readonly #families = new Map<FamilyName, Map<string, Series>>();

  constructor() {
    for (const name of Object.keys(FAMILIES) as FamilyName[]) {
      const { type, labels, known } = familyOf(name);
      this.#families.set(name, new Map());
      if (type === 'gauge') continue;
      if (labels.length === 0) this.#series(name, {});
      else for (const value of known ?? []) this.#series(name, { [labels[0] as string]: value });
    }
  }

  /** Adds to a counter, or to a gauge that was cleared to be added up anew. */
  add<Name extends CounterName | GaugeName>(name: Name, labels: LabelsOf<Name>, by = 1): void {
    this.#series(name, labels).value += by;
  }

  /** Sets a gauge, or a counter that is counted elsewhere. */
  set<Name extends GaugeName | CounterName>(name: Name, labels: LabelsOf<Name>, value: number): void {
    this.#series(name, labels).value = value;
  }

  /** Forgets the values of a gauge: those that are set afterwards are all there are. */
  clear(name: GaugeName): void {
    this.#families.get(name)?.clear();
  }

  /** Adds one value to a histogram. */
  observe<Name extends HistogramName>(name: Name, labels: LabelsOf<Name>, value: number): void {
    const distribution = this.#series(name, labels).distribution as Distribution;
    const bounds = boundsOf(name);
    const at = bounds.findIndex((bound) => value <= bound);
    distribution.counts[at === -1 ? bounds.length : at]! += 1;
    distribution.sum += value;
  }

  /** The values of one metric. */
  of(name: FamilyName): Iterable<Series> {
    return (this.#families.get(name) as Map<string, Series>).values();
  }

  /** One labelled value, for those who add to it often. */
  series<Name extends FamilyName>(name: Name, labels: LabelsOf<Name>): Series {
    return this.#series(name, labels);
  }

  #series(name: FamilyName, labels: Readonly<Record<string, string>>): Series {
    const all = this.#families.get(name) as Map<string, Series>;
    const family = familyOf(name);
    const text = family.labels.map((label) => `${label}="${escapeLabel(labels[label] as string)}"`).join(',');
    let series = all.get(text);
    if (series === undefined) {
      const distribution =
        family.bounds === undefined ? null : { counts: new Float64Array(family.bounds.length + 1), sum: 0 };
      series = { labels: text, value: 0, distribution };
      all.set(text, series);
    }
    return series;
  }
}

function escapeLabel(value: string): string {
  return /[\\"\n]/.test(value) ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : value;
}
