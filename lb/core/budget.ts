/**
 * How many second tries may be under way at once: a share of the clients that are being connected, and a few in any case.
 * One silent master stays within it, since each second try is over in milliseconds; when all masters are slow the tries pile
 * up, and without a limit each client's handshake would be made two or three times just when there is no time for one. Pure.
 */
const alwaysAllowed = 10;
const share = 0.2;

/** `hedging`: second tries under way now; `establishing`: clients that have no backend yet. */
export function mayHedge(hedging: number, establishing: number): boolean {
  return hedging < Math.max(alwaysAllowed, Math.floor(share * establishing));
}
