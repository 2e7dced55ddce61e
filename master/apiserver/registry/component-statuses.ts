/**
 * ComponentStatuses: whether the parts of the control plane work. They are not stored, but answered from what this server
 * sees: the members of etcd, with their alarms, and whether the leaders of the elected components renew their Leases. (Kubernetes has called them deprecated since 1.19.)
 */
import type { Clock } from '../../api/clock.ts';
import { notFound } from '../../api/errors.ts';
import { unstoredKinds } from '../../api/kinds.ts';
import type { ComponentStatus, Lease } from '../../api/types.ts';
import { objectKey } from '../store/keys.ts';
import { anyRevision, type Store, type Stored } from '../store/types.ts';
import { column, nameColumn } from './columns/common.ts';
import { asStored } from './committer.ts';
import type { Column, ListResult, ObjectName, RequestContext } from './context.ts';
import { UnservedVerbs } from './unserved-verbs.ts';

const deprecated = 'v1 ComponentStatus is deprecated in v1.19+';
const elected = { 'controller-manager': 'kube-controller-manager', scheduler: 'kube-scheduler' };
const defaultLeaseSeconds = 15;

type Condition = NonNullable<ComponentStatus['conditions']>[number];

const conditionOf = ({ conditions }: ComponentStatus): Partial<Condition> => conditions?.[0] ?? {};

export class ComponentStatuses extends UnservedVerbs {
  readonly kind = unstoredKinds.componentstatuses;
  readonly columns: readonly Column[] = [
    nameColumn,
    column<ComponentStatus>('Status', 'Status of the component conditions', (component) =>
      conditionOf(component).status === 'True' ? 'Healthy' : 'Unhealthy',
    ),
    column<ComponentStatus>(
      'Message',
      'Message of the component conditions',
      (component) => conditionOf(component).message ?? '',
    ),
    column<ComponentStatus>(
      'Error',
      'Error of the component conditions',
      (component) => conditionOf(component).error ?? '',
    ),
  ];
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    super();
    this.#store = store;
    this.#clock = clock;
  }

  override async list(ctx: RequestContext): Promise<ListResult> {
    ctx.warnings.push(deprecated);
    const leaders = Object.entries(elected).map(async ([name, lease]) =>
      status(name, await this.#leaderProblem(lease)),
    );
    const members = (await this.#store.memberProblems()).map(({ url, problem }, number) =>
      status(`etcd-${number}`, problem && `${url}: ${problem}`),
    );
    const all = [...(await Promise.all(leaders)), ...members];
    return { items: all.map((component) => asStored('', component, 0)), revision: 0 };
  }

  override async get(ctx: RequestContext, { name }: ObjectName): Promise<Stored> {
    const { items } = await this.list(ctx);
    const found = items.find(({ object }) => object.metadata?.name === name);
    if (!found) throw notFound(this.kind, name);
    return found;
  }

  /** Why the leader of a component is not known to work; undefined when it is. */
  async #leaderProblem(name: string): Promise<string | undefined> {
    const lease: Lease | undefined = (await this.#store.get(objectKey('leases', 'kube-system', name), anyRevision))
      ?.object;
    const { renewTime, leaseDurationSeconds = defaultLeaseSeconds, holderIdentity } = lease?.spec ?? {};
    if (!renewTime || !holderIdentity) return 'nobody leads';
    const age = this.#clock.now() - Date.parse(renewTime);
    return age > leaseDurationSeconds * 1000 ? `its leader was last heard ${Math.round(age / 1000)}s ago` : undefined;
  }
}

function status(name: string, problem: string | undefined): ComponentStatus {
  const condition: Condition =
    problem === undefined
      ? { type: 'Healthy', status: 'True', message: 'ok' }
      : { type: 'Healthy', status: 'False', error: problem };
  return { apiVersion: 'v1', kind: 'ComponentStatus', metadata: { name }, conditions: [condition] };
}
