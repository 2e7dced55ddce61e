/** The table of admission plugins, in the order in which they run, and the chain made of it. */
import { defaultTolerationSeconds } from './default-toleration-seconds.ts';
import { type NamespaceLifecycleOptions, namespaceLifecycle } from './namespace-lifecycle.ts';
import { priority } from './priority.ts';
import { serviceAccount } from './service-account.ts';
import type { Admission, AdmissionPlugin } from './types.ts';

export interface AdmissionOptions extends NamespaceLifecycleOptions {
  readonly defaultNotReadyTolerationSeconds: number;
  readonly defaultUnreachableTolerationSeconds: number;
  /** What runs after those of this table: plugins that know who may do what. */
  readonly morePlugins?: readonly AdmissionPlugin[];
}

export function createAdmission(options: AdmissionOptions): Admission {
  return chain([
    namespaceLifecycle(options),
    serviceAccount,
    priority,
    defaultTolerationSeconds(options.defaultNotReadyTolerationSeconds, options.defaultUnreachableTolerationSeconds),
    ...(options.morePlugins ?? []),
  ]);
}

/** All of them, one after the other. Throws when two have one name. */
export function chain(plugins: readonly AdmissionPlugin[]): Admission {
  const names = new Set<string>();
  for (const { name } of plugins) {
    if (names.has(name)) throw new Error(`the table of admission plugins has ${name} twice`);
    names.add(name);
  }
  return {
    async admit(request) {
      for (const plugin of plugins) await plugin.admit?.(request);
    },
    async validate(request) {
      for (const plugin of plugins) await plugin.validate?.(request);
    },
  };
}
