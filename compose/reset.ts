/** `npm run reset`: takes the cluster down and deletes its data, keys and kubeconfig included. */
import { takeDown } from './take-down.ts';

await takeDown({ withData: true });
