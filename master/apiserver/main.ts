/**
 * The API server: the one way to the cluster's state. Parse, wire, run.
 *
 * It listens at once, and says on /readyz when it is ready: the store's cache is filled and what every cluster has is
 * there. On SIGTERM it turns /readyz red, serves on for a while, then ends watches, answers what is in flight, and leaves.
 */

import { readFileSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import { inUrl } from '../api/addresses.ts';
import { aborted, sleep, systemClock } from '../api/clock.ts';
import { isNotFound } from '../api/errors.ts';
import { flagValues, runMain } from '../api/flags.ts';
import { createLogger, type Logger } from '../api/logging.ts';
import { followMasters } from '../api/masters-file.ts';
import type { ClusterRole, KubeObject, Pod, Secret } from '../api/types.ts';
import { objectsOf } from './admission/objects.ts';
import { openTrail } from './audit/open.ts';
import { accessReviews } from './auth/access-reviews.ts';
import { createAuthenticator } from './auth/authenticate.ts';
import { createAuthorizer } from './auth/authorize.ts';
import { certificateUser, signedBy } from './auth/certificates.ts';
import { keepClusterTrust } from './auth/cluster-trust.ts';
import { authorizeCreation } from './auth/create-authorization.ts';
import { type FrontProxyOptions, frontProxies } from './auth/front-proxy.ts';
import { nodeGraph } from './auth/node-graph.ts';
import { nodeOf, restrictNode } from './auth/node-restriction.ts';
import { makeDefaultNamespacedRoles, makeDefaultRoles } from './auth/rbac/bootstrap.ts';
import { preventEscalation } from './auth/rbac/escalation.ts';
import { RoleCache } from './auth/rbac/role-cache.ts';
import { serviceAccounts } from './auth/service-accounts/service-accounts.ts';
import { tokenReview } from './auth/service-accounts/token-review.ts';
import { bootstrapTokens, staticTokens } from './auth/tokens.ts';
import { followConfiguration } from './flowcontrol/configuration.ts';
import { FlowControl } from './flowcontrol/flow-control.ts';
import { keepDefaultFlowControl, makeDefaultFlowControl } from './flowcontrol/upkeep.ts';
import { openIdRoutes, tokenRequests } from './http/account-tokens.ts';
import { Aggregation } from './http/aggregation/aggregation.ts';
import { BackendProxy } from './http/backend-proxy.ts';
import type { HealthCheck } from './http/health.ts';
import { KubeletProxy } from './http/kubelet-proxy.ts';
import { objectProxies } from './http/object-proxy.ts';
import { podLog } from './http/pod-log.ts';
import { podStreams } from './http/pod-streams.ts';
import { startServer } from './http/server.ts';
import { serviceDialer } from './http/service-dialer.ts';
import { apiServerCommand, type Options } from './options.ts';
import { type ObjectName, systemContext } from './registry/context.ts';
import { createRegistry, type Registry } from './registry/registry.ts';
import { EtcdStore } from './store/etcd-store.ts';
import { objectKey, ownPrefix } from './store/keys.ts';
import { registerStoreMetrics } from './store/metrics.ts';
import { keepReloading, openSealing } from './store/sealing/open.ts';
import { consistent } from './store/types.ts';
import { compileSoon } from './tiering.ts';
import { WebhookClient } from './webhooks/client.ts';

/** As whom the server reads for itself. Stands first: everything below runs at once. */
const ownContext = systemContext(new AbortController().signal);

/** How long a server that ends may take to say so. */
const leaveMs = 2_000;

await runMain(async (signal) => {
  compileSoon();
  const commandLine = apiServerCommand().parse();
  const options = commandLine.opts<Options>();
  const logger = createLogger('apiserver', options.logLevel);

  // The store outlives the signal: requests in flight still need it.
  const storeEnd = new AbortController();
  const sealing = openSealing(options, logger);
  const store = new EtcdStore({
    endpoints: options.etcdServers,
    socket: options.etcdSocket,
    tls: etcdTls(options),
    logger,
    sealing,
  });
  const onReload = () => store.sealingChanged();
  const reloading = keepReloading(sealing, options, { onReload, logger }, storeEnd.signal);
  const storeRun = store.run(storeEnd.signal);
  const membersRun = followMembers(options, store, logger, storeEnd.signal);

  const advertise = () => ({ address: options.advertiseAddress || ownAddress(), port: options.securePort });
  const advertised = (): string => {
    const { address, port } = advertise();
    return `${inUrl(address)}:${port}`;
  };
  const roles = new RoleCache(store, logger);
  const rolesRun = roles.run(storeEnd.signal);
  const authorizer = createAuthorizer(
    roles.roles,
    nodeGraph((prefix) => store.peek(prefix)),
  );

  const accounts = serviceAccounts({
    verifyingKeys: options.serviceAccountKeyFile.map(textOf),
    signingKey: options.serviceAccountSigningKeyFile && textOf(options.serviceAccountSigningKeyFile),
    issuers: options.serviceAccountIssuer,
    audiences: options.apiAudiences,
    store,
    allows: authorizer.allows,
  });
  const otherTokens = [
    ...(options.tokenAuthFile ? [staticTokens(textOf(options.tokenAuthFile))] : []),
    bootstrapTokens(
      (name): Promise<Secret | undefined> => read(registry, 'secrets', { namespace: 'kube-system', name }),
    ),
  ];

  const kubelets = new KubeletProxy({
    caFile: options.kubeletCertificateAuthority,
    certFile: options.kubeletClientCertificate,
    keyFile: options.kubeletClientKey,
    addressTypes: options.kubeletPreferredAddressTypes,
  });
  const objects = objectsOf(store);
  const dial = serviceDialer({ objects, kubelets });
  const webhooks = new WebhookClient({
    dial,
    userAgent: 'kube-apiserver-admission',
  });
  const disabledPlugins = new Set(options.disableAdmissionPlugins);
  const registry = createRegistry({
    store,
    logger,
    clock: systemClock,
    advertise,
    identity: { host: hostname(), port: options.securePort },
    serviceClusterIpRange: options.serviceClusterIpRange,
    serviceNodePortRange: options.serviceNodePortRange,
    defaultNotReadyTolerationSeconds: options.defaultNotReadyTolerationSeconds,
    defaultUnreachableTolerationSeconds: options.defaultUnreachableTolerationSeconds,
    reviews: [
      ...accessReviews(authorizer),
      tokenReview({ accounts: accounts.tokens, others: otherTokens, apiAudiences: accounts.audiences }),
    ],
    disabledPlugins,
    webhooks,
    judge: authorizer,
    morePlugins: [
      authorizeCreation(authorizer),
      preventEscalation({
        authorizer,
        readRules: async ({ resource, namespaced }, namespace, name) => {
          const key = objectKey(resource, namespaced ? namespace : undefined, name);
          const role: ClusterRole | undefined = (await store.get(key, consistent))?.object;
          return role && (role.rules ?? []);
        },
      }),
    ],
  });
  const backends = new BackendProxy();
  const { proxyClientCertFile: proxyCert, proxyClientKeyFile: proxyKey } = options;
  const aggregation = new Aggregation({
    ...{ store, objects, registry, dial, backends, logger, clock: systemClock },
    client: proxyCert && proxyKey ? { cert: textOf(proxyCert), key: textOf(proxyKey) } : undefined,
  });
  const aggregationRun = aggregation.run(storeEnd.signal);

  const frontProxy = frontProxyOptions(options);
  const clientAuthority = textOf(options.clientCaFile);
  const isClient = frontProxy && signedBy(clientAuthority);

  const audit = openTrail(options, logger);
  const flow = new FlowControl({
    seats: options.maxRequestsInflight + options.maxMutatingRequestsInflight,
    waitMs: options.requestTimeout / 4,
    listed: ({ resource, name, query }) => {
      if (name !== '') return 1;
      const limit = query.size > 0 ? Number(query.get('limit')) : 0;
      return Math.min(limit > 0 ? limit : Number.POSITIVE_INFINITY, store.countOf(resource));
    },
  });
  const flowSchemas = registry.resource('flowcontrol.apiserver.k8s.io', 'v1', 'flowschemas');
  if (!flowSchemas) throw new Error('the registry lacks flowschemas');
  const flowRun = followConfiguration({ store, flow, ctx: ownContext, flowSchemas, logger }, storeEnd.signal);

  let bootstrapped = false;
  const server = await startServer(
    {
      registry,
      flags: flagValues(commandLine),
      aggregated: aggregation,
      authenticate: createAuthenticator({
        frontProxy: frontProxy && frontProxies(frontProxy),
        certificate: (connection) => certificateUser(connection, Date.now(), isClient),
        tokens: [accounts.authenticate, ...otherTokens],
      }),
      authorizer,
      // A node may have learnt of its pod from another server, which was a moment quicker.
      secondThoughts: async (user) => {
        if (nodeOf(user) === undefined) return false;
        await store.get(ownPrefix, consistent);
        return true;
      },
      guard: async ({ user, info }, object) => {
        if (disabledPlugins.has('NodeRestriction')) return;
        const name = info.name || (object?.metadata?.name ?? '');
        await restrictNode(
          user,
          { ...info, name },
          (namespace, pod, freshness): Promise<Pod | undefined> =>
            read(registry, 'pods', { namespace, name: pod }, freshness === 'memory' ? '0' : undefined),
        );
      },
      connect: new Map([
        ['pods/log', podLog(registry, kubelets)],
        ...podStreams({ registry, authorizer, kubelets, backends }),
        ...objectProxies({ registry, kubelets, backends }),
      ]),
      actions: new Map([['serviceaccounts/token', tokenRequests(accounts.issuer, registry.admission)]]),
      routes: openIdRoutes(
        accounts.keys,
        accounts.issuerName,
        () => options.serviceAccountJwksUri ?? `https://${advertised()}/openid/v1/jwks`,
      ),
      health: healthChecks(store, () => bootstrapped),
      address: advertised(),
      host: options.bindAddress,
      port: options.securePort,
      tls: {
        certFile: options.tlsCertFile,
        keyFile: options.tlsPrivateKeyFile,
        clientCaFiles: [options.clientCaFile, options.requestheaderClientCaFile].filter((file) => file !== undefined),
      },
      requestTimeoutMs: options.requestTimeout,
      shutdownDelayMs: options.shutdownDelayDuration,
      flow,
      audit,
      trustedPeers: options.proxyProtocol,
      logger,
    },
    signal,
  );
  registerStoreMetrics(store, server.metrics.registry);
  server.metrics.add(() => store.requestDurations.text());
  logger.info({ address: options.bindAddress, port: server.port }, 'listening');

  const starting = store
    .filled(signal)
    .then(() => startRoles(registry, roles, store, signal))
    .then(() => registry.start(signal))
    .then(() => startFlowControl(registry, signal))
    .then(() => startNamespacedRoles(registry, signal))
    .then(() => {
      bootstrapped = true;
      if (!signal.aborted) logger.info('ready');
      return Promise.all([
        keepClusterTrust({ registry, clientAuthority, frontProxy, clock: systemClock, logger }, signal),
        keepDefaultFlowControl(registry, systemContext(signal), logger),
      ]);
    });
  const left = aborted(signal).then(() => leave(registry, logger));
  // A failure to start ends the process, which is started again.
  await Promise.all([server.closed, starting, left]);
  webhooks.close();
  kubelets.close();
  backends.close();
  storeEnd.abort();
  await Promise.all([storeRun, membersRun, reloading, rolesRun, flowRun, aggregationRun, audit?.close()]);
});

/** Uses the etcd members of those masters that there are now. */
async function followMembers(
  { mastersFile: path, etcdServers: urls }: Options,
  store: EtcdStore,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  if (path === undefined) return;
  const apply = (now: readonly string[]): void => store.setEndpoints(now);
  await followMasters({ path, urlOf: ({ clientUrl }) => clientUrl, urls, apply, logger }, signal);
}

/** Resolves when the default roles are there, and requests are judged by them. */
async function startRoles(registry: Registry, roles: RoleCache, store: EtcdStore, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await makeDefaultRoles(registry, systemContext(signal));
  await roles.reached(await store.currentRevision(), signal);
}

/** Resolves when the default flow schemas and priority levels are there. */
async function startFlowControl(registry: Registry, signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await makeDefaultFlowControl(registry, systemContext(signal));
}

/** Resolves when the default roles of the system's namespaces are there. */
async function startNamespacedRoles(registry: Registry, signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await makeDefaultNamespacedRoles(registry, systemContext(signal));
}

/** Undefined where no front proxy is believed. */
function frontProxyOptions(options: Options): FrontProxyOptions | undefined {
  const { requestheaderClientCaFile: file } = options;
  if (file === undefined) return undefined;
  return {
    authority: textOf(file),
    allowedNames: options.requestheaderAllowedNames,
    usernameHeaders: options.requestheaderUsernameHeaders,
    uidHeaders: options.requestheaderUidHeaders,
    groupHeaders: options.requestheaderGroupHeaders,
    extraPrefixes: options.requestheaderExtraHeadersPrefix,
  };
}

/** Takes this server out of the endpoints of the Service `kubernetes`, if etcd lets it soon: the others notice anyway. */
async function leave(registry: Registry, logger: Logger): Promise<void> {
  const enough = new AbortController();
  const leaving = registry.leave().catch((error: unknown) => logger.warn({ err: error }, 'could not take leave'));
  await Promise.race([leaving, sleep(leaveMs, enough.signal)]);
  enough.abort();
}

function textOf(path: string): string {
  return readFileSync(path, 'utf8');
}

/** The address of this machine that others can reach; it may change while the server runs. */
function ownAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
}

function etcdTls({ etcdCafile, etcdCertfile, etcdKeyfile }: Options) {
  if (etcdCafile === undefined) return undefined;
  const file = (path: string | undefined): Buffer | undefined => (path === undefined ? undefined : readFileSync(path));
  return { ca: readFileSync(etcdCafile), cert: file(etcdCertfile), key: file(etcdKeyfile) };
}

function healthChecks(store: EtcdStore, bootstrapped: () => boolean): HealthCheck[] {
  const check = (name: string, on: HealthCheck['on'], healthy: () => boolean, why: string): HealthCheck => ({
    name,
    on,
    check() {
      if (!healthy()) throw new Error(why);
    },
  });
  return [
    check('etcd', ['healthz', 'readyz'], () => store.ready, 'etcd is not reached or the cache is not filled'),
    check('poststarthook/bootstrap-objects', ['healthz', 'readyz'], bootstrapped, 'not finished'),
  ];
}

/** Reads an object for the server's own use, from memory. */
async function read(
  registry: Registry,
  resource: string,
  name: ObjectName,
  resourceVersion?: string,
): Promise<KubeObject | undefined> {
  try {
    const stored = await registry.resource('', 'v1', resource)?.get(ownContext, name, { resourceVersion });
    return stored?.object;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
