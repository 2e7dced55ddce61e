/** The way to service account tokens: the subresource `serviceaccounts/token`, and the documents by which others verify them. */
import { pathNotFound } from '../../api/errors.ts';
import { apiVersionOf, kinds } from '../../api/kinds.ts';
import type { Admission, AdmissionRequest } from '../admission/types.ts';
import { keySet, type TokenKeys } from '../auth/service-accounts/keys.ts';
import { type IssuerOptions, issueToken } from '../auth/service-accounts/token-request.ts';
import { checkBody } from '../registry/body.ts';
import { shapeOf } from '../registry/schema/shape.ts';
import { contextOf, type Handler, representationOf } from './exchange.ts';
import { parseWriteOptions } from './list-options.ts';
import { readObject } from './read-object.ts';
import type { ConnectHandler } from './resource-routes.ts';
import { addWarnings, sendJson, sendObject } from './respond.ts';

const kind = { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' };

/** POST on a service account's token, admitted as any other write. Without an issuer there is none. */
export function tokenRequests(issuer: IssuerOptions | undefined, admission: Admission): ConnectHandler {
  return async (exchange, { namespace = '', name }) => {
    if (!issuer) throw pathNotFound();
    const context = contextOf(exchange, parseWriteOptions(exchange.info.query, 'CreateOptions'));
    const request = await readObject(exchange, { kind: kind.kind, apiVersion: apiVersionOf(kind) }, context);
    checkBody(context, kind, shapeOf(kind), request, { namespace, name });
    const admitted: AdmissionRequest = {
      ctx: context,
      operation: 'CREATE',
      kind: kinds.serviceaccounts,
      subresource: 'token',
      namespace,
      name,
      object: request,
    };
    await admission.admit(admitted);
    await admission.validate(admitted);
    const { answer, credentialId } = await issueToken(issuer, exchange.user, { namespace, name }, request);
    context.auditAnnotations?.set('authentication.kubernetes.io/issued-credential-id', credentialId);
    addWarnings(exchange.response, context.warnings);
    const json = JSON.stringify(answer);
    exchange.audit?.answered(json);
    sendObject(exchange.response, 201, representationOf(exchange), json);
  };
}

/** OpenID Connect discovery of the issuer, as relying parties outside of the cluster read it. */
export function openIdRoutes(keys: TokenKeys, issuer: string, keysUrl: () => string): Map<string, Handler> {
  const algorithms = [...new Set([...keys.verifying.values()].map(({ algorithm }) => algorithm))];
  const configuration = () => ({
    issuer,
    jwks_uri: keysUrl(),
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: algorithms,
  });
  return new Map<string, Handler>([
    ['/.well-known/openid-configuration', ({ response }) => sendJson(response, 200, configuration())],
    ['/openid/v1/jwks', ({ response }) => sendJson(response, 200, keySet(keys), 'application/jwk-set+json')],
  ]);
}
