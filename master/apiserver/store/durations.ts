/**
 * A Prometheus histogram of durations that costs a map look-up and a few additions to observe. prom-client's own would put
 * labels together at every request; here that is done once for each set of labels, and lines are made when somebody asks.
 */

export interface DurationSeries {
  readonly labels: Readonly<Record<string, string>>;
  sumSeconds: number;
  count: number;
  /** How many took at most as long as the bucket of that place, and more than the one before. */
  readonly buckets: number[];
}

export class Durations {
  readonly #name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, DurationSeries>();

  /** `bounds`: the upper ends of the buckets, in seconds, ascending. */
  constructor(name: string, help: string, bounds: readonly number[]) {
    this.#name = name;
    this.#help = help;
    this.#bounds = bounds;
  }

  /** The series of a key; undefined before `begin` was called for it. */
  series(key: string): DurationSeries | undefined {
    return this.#series.get(key);
  }

  begin(key: string, labels: Readonly<Record<string, string>>): DurationSeries {
    const series = { labels, sumSeconds: 0, count: 0, buckets: this.#bounds.map(() => 0) };
    this.#series.set(key, series);
    return series;
  }

  observe(series: DurationSeries, seconds: number): void {
    const bounds = this.#bounds;
    series.count += 1;
    series.sumSeconds += seconds;
    let place = 0;
    while (place < bounds.length && seconds > (bounds[place] ?? 0)) place += 1;
    if (place < bounds.length) series.buckets[place] = (series.buckets[place] ?? 0) + 1;
  }

  /** In Prometheus' text format. */
  text(): string {
    const name = this.#name;
    const lines = [`# HELP ${name} ${this.#help}`, `# TYPE ${name} histogram`];
    for (const { labels, buckets, count, sumSeconds } of this.#series.values()) {
      const text = Object.entries(labels)
        .map(([label, value]) => `${label}=${JSON.stringify(value)}`)
        .join(',');
      let total = 0;
      for (const [index, bound] of this.#bounds.entries()) {
        total += buckets[index] ?? 0;
        lines.push(`${name}_bucket{${text},le="${bound}"} ${total}`);
      }
      lines.push(`${name}_bucket{${text},le="+Inf"} ${count}`);
      lines.push(`${name}_sum{${text}} ${sumSeconds}`, `${name}_count{${text}} ${count}`);
    }
    return `${lines.join('\n')}\n`;
  }
}
