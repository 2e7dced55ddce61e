/** The parts of a CustomResourceDefinition (apiextensions.k8s.io/v1), by short names. */
import type { CustomResourceDefinition } from '../../../api/types.ts';

export type Definition = CustomResourceDefinition;
export type DefinitionSpec = Definition['spec'];
export type DefinitionVersion = DefinitionSpec['versions'][number];
export type DefinitionNames = DefinitionSpec['names'];
