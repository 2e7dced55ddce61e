/**
 * Conversion by webhook: a definition's server is handed objects and gives them back in another version (ConversionReview,
 * apiextensions.k8s.io/v1; Kubernetes' "Versions in CustomResourceDefinitions").
 */
import { randomUUID } from 'node:crypto';
import { internalError } from '../../../api/errors.ts';
import type { KubeObject } from '../../../api/types.ts';
import type { WebhookClient } from '../../webhooks/client.ts';
import { isRecord } from '../schema/shape.ts';
import type { Convert } from '../versions/versioned-store.ts';
import type { Definition } from './definition-types.ts';

/** As long as Kubernetes waits. */
const timeoutMs = 30_000;

/** How the definition's objects are converted. What the webhook does wrong is a Status of InternalError, as in Kubernetes. */
export function conversionBy(client: WebhookClient | undefined, { spec }: Definition): Convert {
  return async (objects, apiVersion) => {
    try {
      const clientConfig = spec.conversion?.webhook?.clientConfig;
      if (!client || !clientConfig) throw new Error('there is no webhook to ask');
      const uid = randomUUID();
      const review = {
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'ConversionReview',
        request: { uid, desiredAPIVersion: apiVersion, objects },
      };
      const converted = convertedIn(await client.call(clientConfig, review, { timeoutMs }), uid);
      if (converted.length !== objects.length) {
        throw new Error(`invalid response: expected ${objects.length} converted objects, got ${converted.length}`);
      }
      return objects.map((object, index) => checked(object, converted[index], apiVersion, index));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const [from] = objects;
      throw internalError(new Error(`conversion webhook for ${from?.apiVersion}, Kind=${from?.kind} failed: ${why}`));
    }
  };
}

function convertedIn(answer: unknown, uid: string): readonly unknown[] {
  const response = isRecord(answer) && isRecord(answer.response) ? answer.response : undefined;
  if (!response) throw new Error('no response provided');
  if (response.uid !== uid)
    throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid)}`);
  const result = isRecord(response.result) ? response.result : {};
  if (result.status !== 'Success') throw new Error(String(result.message ?? 'the webhook did not say Success'));
  return Array.isArray(response.convertedObjects) ? response.convertedObjects : [];
}

/** A conversion may change labels and annotations, and nothing else of the metadata. */
function checked(before: KubeObject, after: unknown, apiVersion: string, index: number): KubeObject {
  const invalid = (why: string): Error => new Error(`invalid converted object at index ${index}: ${why}`);
  if (!isRecord(after)) throw invalid('must be an object');
  if (after.apiVersion !== apiVersion)
    throw invalid(`invalid apiVersion: expected ${apiVersion}, got ${String(after.apiVersion)}`);
  if (after.kind !== before.kind) throw invalid(`invalid kind: expected ${before.kind}, got ${String(after.kind)}`);
  const { name, uid, labels, annotations } = isRecord(after.metadata) ? after.metadata : {};
  if (name !== before.metadata?.name) throw invalid(`invalid metadata.name: expected ${before.metadata?.name}`);
  if (uid !== before.metadata?.uid) throw invalid(`invalid metadata.uid: expected ${before.metadata?.uid}`);
  const metadata = { ...before.metadata };
  delete metadata.labels;
  delete metadata.annotations;
  if (isTexts(labels)) metadata.labels = labels;
  if (isTexts(annotations)) metadata.annotations = annotations;
  return { ...after, kind: before.kind, apiVersion, metadata };
}

const isTexts = (value: unknown): value is Record<string, string> =>
  isRecord(value) && Object.values(value).every((item) => typeof item === 'string');
