/** Schedules of five fields, as cron writes them: what a CronJob may say. */

const months = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
const days = 'sun mon tue wed thu fri sat'.split(' ');

interface Field {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  /** Names of numbers, from `least` on. */
  readonly names?: readonly string[];
}

const fields: readonly Field[] = [
  { name: 'minute', least: 0, most: 59 },
  { name: 'hour', least: 0, most: 23 },
  { name: 'dom', least: 1, most: 31 },
  { name: 'month', least: 1, most: 12, names: months },
  { name: 'dow', least: 0, most: 6, names: days },
];

const descriptors = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly'];
const every = /^@every (\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/;

/** What is wrong with a schedule; undefined for one that is right. */
export function scheduleError(schedule: string): string | undefined {
  if (schedule.startsWith('@')) {
    if (descriptors.includes(schedule) || every.test(schedule)) return undefined;
    return `unrecognized descriptor: ${schedule}`;
  }
  const parts = schedule.split(/\s+/).filter(Boolean);
  if (parts.length !== fields.length) {
    return `expected exactly ${fields.length} fields, found ${parts.length}: [${parts.join(' ')}]`;
  }
  for (const [index, field] of fields.entries()) {
    for (const range of (parts[index] ?? '').split(',')) {
      const wrong = rangeError(range, field);
      if (wrong !== undefined) return wrong;
    }
  }
  return undefined;
}

function rangeError(range: string, { least, most, names = [] }: Field): string | undefined {
  const [span = '', step, ...more] = range.split('/');
  if (more.length > 0) return `too many slashes: ${range}`;
  if (step !== undefined) {
    if (!/^\d+$/.test(step)) return `failed to parse int from ${step}`;
    if (Number(step) === 0) return `step of range should be a positive number: ${range}`;
  }
  if (span === '*' || span === '?') return undefined;
  const ends = span.split('-');
  if (ends.length > 2) return `too many hyphens: ${range}`;
  const numbers = ends.map((end) => {
    const named = names.indexOf(end.toLowerCase());
    return named >= 0 ? named + least : /^\d+$/.test(end) ? Number(end) : Number.NaN;
  });
  for (const [index, number] of numbers.entries()) {
    if (Number.isNaN(number)) return `failed to parse int from ${ends[index]}`;
  }
  const [from = 0, to = from] = numbers;
  if (from < least) return `beginning of range (${from}) below minimum (${least}): ${range}`;
  if (to > most) return `end of range (${to}) above maximum (${most}): ${range}`;
  if (from > to) return `beginning of range (${from}) beyond end of range (${to}): ${range}`;
  return undefined;
}
