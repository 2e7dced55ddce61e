/**
 * Regular expressions as Go and CEL have them (RE2): another grammar than JavaScript's, and time that grows linearly with
 * the text. Patterns come from users, so JavaScript's own engine, which may take exponential time, is never given one.
 */
import { RE2JS } from 're2js';
import { spend } from './steps.ts';

/** Compiled patterns, the oldest forgotten first; a pattern is compiled in about a tenth of a millisecond. */
const compiled = new Map<string, RE2JS>();
const maxCompiled = 2000;

/** The pattern, compiled. Throws an Error that says what is wrong with it. */
export function compileRegex(pattern: string): RE2JS {
  const known = compiled.get(pattern);
  if (known) return known;
  const regex = RE2JS.compile(pattern);
  if (compiled.size >= maxCompiled) {
    for (const oldest of compiled.keys()) {
      compiled.delete(oldest);
      break;
    }
  }
  compiled.set(pattern, regex);
  return regex;
}

/** Whether the pattern is found anywhere in the text. */
export function regexMatches(pattern: string, text: string): boolean {
  spend(stepsOf(pattern, text));
  return compileRegex(pattern).test(text);
}

/** As Kubernetes counts it: the time grows with both. */
const stepsOf = (pattern: string, text: string): number =>
  pattern.length + Math.max(1, pattern.length / 4) * (text.length / 10);

/** All places where the pattern is found, from left to right, at most `limit`; a negative limit is none. */
export function regexFindAll(pattern: string, text: string, limit = -1): string[] {
  spend(stepsOf(pattern, text));
  const matcher = compileRegex(pattern).matcher(text);
  const found: string[] = [];
  while (found.length !== limit && matcher.find()) found.push(matcher.group() ?? '');
  return found;
}
