/**
 * Names to addresses, anew for each connection: a restart may change every address.
 *
 * One lookup per name is under way at a time and is shared, because lookups run on Node's four pool threads and the name
 * of a dead container can take many seconds: without this, one dead master's name would block all the others'. While a
 * lookup is slow, or fails for a passing reason, the last address that was found is used.
 */
import { promises as dns, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';

/** All addresses of a name, as `dns.promises.lookup` gives them. */
export type Lookup = (host: string) => Promise<LookupAddress[]>;

/** How long a connection waits for a fresh answer when there is an older one. */
const patienceMs = 100;

export class Resolver {
  readonly #lookup: Lookup;
  readonly #running = new Map<string, Promise<LookupAddress[]>>();
  readonly #found = new Map<string, LookupAddress[]>();

  constructor(lookup: Lookup = (host) => dns.lookup(host, { all: true })) {
    this.#lookup = lookup;
  }

  /** For the `lookup` option of net and https. */
  readonly forSockets: LookupFunction = (host, options, callback) => {
    this.resolve(host).then(
      (addresses) => {
        const [first] = addresses;
        if (options.all === true) callback(null, addresses);
        else if (first !== undefined) callback(null, first.address, first.family);
        else callback(new Error(`no address found for ${host}`), '');
      },
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), ''),
    );
  };

  async resolve(host: string): Promise<LookupAddress[]> {
    const family = isIP(host);
    if (family !== 0) return [{ address: host, family }];
    const fresh = this.#fresh(host);
    const known = this.#found.get(host);
    if (known === undefined) return fresh;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<LookupAddress[]>((resolve) => {
      timer = setTimeout(resolve, patienceMs, known);
    });
    try {
      return await Promise.race([fresh, late]);
    } catch (error) {
      // The name is gone for good (its container was removed): say so at once. Otherwise the resolver is in trouble.
      if (isNotFound(error)) throw error;
      return known;
    } finally {
      clearTimeout(timer);
    }
  }

  #fresh(host: string): Promise<LookupAddress[]> {
    const running = this.#running.get(host);
    if (running !== undefined) return running;
    const started = this.#lookup(host).then(
      (addresses) => {
        this.#running.delete(host);
        this.#found.set(host, addresses);
        return addresses;
      },
      (error: unknown) => {
        this.#running.delete(host);
        if (isNotFound(error)) this.#found.delete(host);
        throw error;
      },
    );
    // Who asked may have gone on with the known address; that is no unhandled rejection.
    started.catch(() => {});
    this.#running.set(host, started);
    return started;
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOTFOUND';
}
