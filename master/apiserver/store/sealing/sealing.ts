/**
 * Values encrypted at rest: sealed on their way to etcd, opened on their way back, for the resources that a configuration names.
 * The rest of the store never sees a sealed value, unless none of the keys opens it.
 *
 * A value is bound to its key in etcd, so that nobody who can write to etcd can pass one object's secret off as another's.
 */
import type { Logger } from '../../../api/logging.ts';
import { collectionOf, rootPrefix } from '../keys.ts';
import type { KeyValue } from '../wire.ts';
import type { SealingKey, SealingRule } from './configuration.ts';

const sealedHead = Buffer.from('k8s:enc:');

/** Whether the bytes are a sealed value, whoever can open it. */
export function isSealed(value: Buffer): boolean {
  return (
    value.length > sealedHead.length && value.compare(sealedHead, 0, sealedHead.length, 0, sealedHead.length) === 0
  );
}

export class Sealing {
  #rules: readonly SealingRule[];
  readonly #logger: Logger;
  /** What the sealed values in etcd begin with: which key has sealed each. */
  readonly #heads = new Map<string, string>();
  /** Why a value could not be opened. */
  readonly #failures = new Map<string, string>();

  constructor(rules: readonly SealingRule[], logger: Logger) {
    this.#rules = rules;
    this.#logger = logger;
  }

  /** Takes another configuration from now on. */
  replaceRules(rules: readonly SealingRule[]): void {
    this.#rules = rules;
  }

  /** The value as it goes to etcd. */
  seal(key: string, text: string): string | Buffer {
    const first = this.#ruleFor(key)?.keys[0];
    if (!first?.cipher) return text;
    return Buffer.concat([Buffer.from(first.head), first.cipher.seal(key, text)]);
  }

  /** What came from etcd, its value opened. One that no key opens stays as it is. */
  open(kv: KeyValue): KeyValue {
    const rule = this.#ruleFor(kv.key);
    if (!rule) return kv;
    if (kv.value.length === 0) {
      this.#heads.delete(kv.key);
      this.#failures.delete(kv.key);
      return kv;
    }
    try {
      const value = this.#opened(kv, rule.keys);
      this.#failures.delete(kv.key);
      return value === kv.value ? kv : { ...kv, value };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (!this.#failures.has(kv.key)) this.#logger.error({ key: kv.key, why }, 'a value in etcd cannot be decrypted');
      this.#failures.set(kv.key, why);
      return kv;
    }
  }

  /** Whether the value should be written again though nothing changes in it: another key than the first has sealed it, or none. */
  isStale(key: string): boolean {
    const first = this.#ruleFor(key)?.keys[0];
    return first !== undefined && first.head !== (this.#heads.get(key) ?? '');
  }

  /** Why the value of a key could not be opened. */
  failureOf(key: string): string | undefined {
    return this.#failures.get(key);
  }

  #opened({ key, value }: KeyValue, keys: readonly SealingKey[]): Buffer {
    const sealed = isSealed(value);
    const found = keys.findIndex(({ head, cipher }) => (cipher ? sealed && startsWith(value, head) : !sealed));
    const sealing = keys[found];
    // A value from before the encryption is read even where the configuration has no identity: it is no secret to anybody.
    if (!sealing && sealed) throw new Error('no matching prefix found');
    if (sealing?.cipher) this.#heads.set(key, sealing.head);
    else this.#heads.delete(key);
    return sealing?.cipher ? sealing.cipher.open(key, value.subarray(sealing.head.length)) : value;
  }

  #ruleFor(key: string): SealingRule | undefined {
    for (const rule of this.#rules) {
      if (!key.startsWith(rule.prefix)) continue;
      // Custom resources lie under `<plural>.<group>`, and no plural has a dot.
      if (rule.group === undefined) return rule;
      const resource = collectionOf(key).slice(rootPrefix.length, -1);
      if (resource.slice(resource.indexOf('.') + 1) === rule.group) return rule;
    }
    return undefined;
  }
}

const startsWith = (value: Buffer, head: string): boolean => value.toString('latin1', 0, head.length) === head;
