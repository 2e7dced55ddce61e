/** `npm stop`: takes the cluster down and keeps its data. */
import { takeDown } from './take-down.ts';

await takeDown({ withData: false });
