/**
 * Admission: rules about a write that depend on more than its object. A plugin may complete the object (`admit`) before it is
 * validated, and may refuse the write (`validate`) after. All plugins stand in one table, `chain.ts`; they run in its order.
 *
 * Guarantees: a plugin is asked only about resources that it names, so that what concerns other resources costs nothing; a
 * plugin that follows objects of its own looks at its memory only.
 */
import type { Kind } from '../../api/kinds.ts';
import type { DeleteOptions, KubeObject } from '../../api/types.ts';
import type { RequestContext } from '../registry/context.ts';
import type { SubresourceStrategy } from '../registry/strategy.ts';

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

export interface AdmissionRequest {
  readonly ctx: RequestContext;
  readonly operation: Operation;
  readonly kind: Kind;
  readonly subresource?: string | undefined;
  readonly namespace?: string | undefined;
  /** Empty for a create with generateName. */
  readonly name: string;
  /** The object as it would become; absent for a deletion. `admit` may change it. */
  readonly object?: KubeObject | undefined;
  /** The object as it is; absent for a create. Never changed. */
  readonly old?: KubeObject | undefined;
  readonly deleteOptions?: DeleteOptions | undefined;
  /** The subresource, where it is a part of the object with a kind of its own: clients send and see that. */
  readonly part?: SubresourceStrategy | undefined;
  /** The version that the client speaks, where those who see the request know it in another one, `kind`. */
  readonly asked?: Kind | undefined;
  /** Makes an object that a webhook changed whole again: its types are checked, unknown fields dropped, defaults filled in. */
  readonly complete?: (object: KubeObject) => void;
  /** Set by a plugin that let others change the object: every plugin then completes it once more. */
  changed?: boolean;
}

export interface AdmissionPlugin {
  /** Kubernetes' name of the plugin. */
  readonly name: string;
  /** The resources that it looks at, as `groupResource` writes them; absent: all. */
  readonly resources?: readonly string[];
  /** Completes the object. Throws a StatusError to refuse the write. */
  admit?(request: AdmissionRequest): void | Promise<void>;
  /** Throws a StatusError to refuse the write. The object is final. */
  validate?(request: AdmissionRequest): void | Promise<void>;
  /** Follows what the plugin needs to know until `signal` ends. */
  run?(signal: AbortSignal): Promise<void>;
}

export interface Admission {
  admit(request: AdmissionRequest): Promise<void>;
  validate(request: AdmissionRequest): Promise<void>;
  /** Runs what the plugins follow; resolves when `signal` is aborted. */
  run(signal: AbortSignal): Promise<void>;
}
