/**
 * A MutatingAdmissionPolicy: evaluated over one request and one set of parameters it gives the object as it wants it (KEP-3962).
 * Its mutations are done in their order, each over what the one before it left.
 */
import { isStatusError } from '../../../api/errors.ts';
import type { KubeObject, MutatingAdmissionPolicy } from '../../../api/types.ts';
import type { CelResult } from '../../cel/environment.ts';
import type { ObjectShape } from '../../registry/schema/shape.ts';
import { mutationEnvironment } from '../expressions.ts';
import { applied, jsonPatched } from './mutations.ts';
import { compile, compileCommon, evaluate, type Policy, type Subject } from './policy.ts';

export interface Mutated {
  /** False where the conditions do not hold: nothing was asked of the policy. */
  readonly invoked: boolean;
  /** The object that was given, or a new one. */
  readonly object: KubeObject;
  /** What could not be done. */
  readonly failures: readonly string[];
}

export interface MutatingPolicy extends Policy {
  readonly reinvoked: boolean;
  /** Changes none of its arguments. Throws a StatusError for what cannot be an object of the kind. */
  mutate(subject: Subject, params: KubeObject | undefined, object: KubeObject, shape: ObjectShape): Mutated;
}

export function compileMutatingPolicy(definition: MutatingAdmissionPolicy): MutatingPolicy {
  const common = compileCommon(definition);
  const { mutations = [], reinvocationPolicy } = definition.spec ?? {};
  const compiled = mutations.map(({ patchType, applyConfiguration, jsonPatch }) => {
    const { expression = '' } = (patchType === 'JSONPatch' ? jsonPatch : applyConfiguration) ?? {};
    return {
      named: compile(expression, mutationEnvironment),
      change: patchType === 'JSONPatch' ? jsonPatched : applied,
    };
  });
  return {
    ...common,
    reinvoked: reinvocationPolicy === 'IfNeeded',
    mutate(subject, params, object, shape) {
      const scope = common.open(subject, params);
      const chosen = common.choose(scope);
      if (chosen === false) return { invoked: false, object, failures: [] };
      if (chosen !== true) return { invoked: false, object, failures: [chosen] };
      let current = object;
      const failures: string[] = [];
      for (const { named, change } of compiled) {
        const values = { ...subject.values, object: current };
        const result = evaluate(named, common.open({ ...subject, values }, params));
        try {
          current = change(resultOf(result), current, shape);
        } catch (error) {
          if (isStatusError(error)) throw error;
          failures.push(error instanceof Error ? error.message : String(error));
        }
      }
      return { invoked: true, object: current, failures };
    },
  };
}

function resultOf(result: CelResult): unknown {
  if (!result.ok) throw new Error(result.message);
  return result.value;
}
