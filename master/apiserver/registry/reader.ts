/** Get, list and watch: read from the store's cache, as fresh as the request asks, through selectors. */
import { badRequest, invalid, isExpired, isStatusError, notFound } from '../../api/errors.ts';
import type { KubeObject } from '../../api/types.ts';
import { listPrefix, objectKey } from '../store/keys.ts';
import {
  anyRevision,
  consistent,
  type Freshness,
  type Listed,
  type Store,
  type Stored,
  type StoreEvent,
} from '../store/types.ts';
import type {
  GetOptions,
  ListOptions,
  ListResult,
  ObjectName,
  ResourceEvent,
  WatchListener,
  WatchProgress,
} from './context.ts';
import { continueExpired, decodeContinue, encodeContinue } from './continue-token.ts';
import { type Selection, selectionOf } from './selection.ts';
import type { Strategy } from './strategy.ts';
import { FieldErrors } from './validation/field-errors.ts';

/** So many selectors' choices and pages are kept of one state. */
const maxSelections = 64;

/** A page of one state, but for the revision at which it is shown: that goes on where nothing in the list changes. */
interface Page {
  readonly items: readonly Stored[];
  /** How many come after it: told only where it is known without looking at each. */
  readonly remaining?: number;
  /** Whether there may be more. */
  readonly more: boolean;
}

export class Reader {
  readonly #strategy: Strategy;
  /** What selectors chose of lists. */
  readonly #selected = new WeakMap<readonly Stored[], Map<string, readonly Stored[]>>();
  /** Pages of lists. */
  readonly #pages = new WeakMap<readonly Stored[], Map<string, Page>>();
  readonly #storedAs: string;
  readonly #store: Store;

  constructor(strategy: Strategy, store: Store) {
    this.#strategy = strategy;
    this.#storedAs = strategy.kind.storedAs ?? strategy.kind.resource;
    this.#store = store;
  }

  keyOf({ namespace, name }: ObjectName): string {
    return objectKey(this.#storedAs, namespace, name);
  }

  /** Throws NotFound. */
  async get(name: ObjectName, options: GetOptions): Promise<Stored> {
    const stored = await this.#store.get(this.keyOf(name), freshnessOf(options.resourceVersion));
    if (!stored) throw notFound(this.#strategy.kind, name.name);
    return stored;
  }

  async list(namespace: string | undefined, options: ListOptions): Promise<ListResult> {
    validateListOptions(options);
    const selection = selectionOf(this.#strategy, options);
    const prefix = listPrefix(this.#storedAs, namespace);
    if (options.continue) return this.#nextPage(prefix, selection, options.continue, options);
    const { items, revision } = await this.#stateFor(prefix, options);
    // As Kubernetes: a list that may be as old as the cache is never paged.
    const limit = options.resourceVersion === '0' ? 0 : (options.limit ?? 0);
    if (limit <= 0) return { items: this.#all(items, selection, options), revision, shared: true };
    return this.#page(prefix, items, 0, revision, selection, options);
  }

  async watch(
    namespace: string | undefined,
    options: ListOptions,
    listener: WatchListener,
    signal: AbortSignal,
  ): Promise<WatchProgress> {
    validateWatchOptions(options);
    const selection = selectionOf(this.#strategy, options);
    const prefix = listPrefix(this.#storedAs, namespace);
    const from = await this.#begin(prefix, selection, options, listener);
    if (signal.aborted) return () => from;
    const source = this.#store.watch(prefix, from, {
      onEvents: (events, revision) => listener.onEvents(selected(events, selection), revision),
      onEnd: (error) => listener.onEnd(isStatusError(error) ? error : undefined),
    });
    signal.addEventListener('abort', () => source.close(), { once: true });
    return () => source.revision;
  }

  /** Gives the initial state where the request wants it, and says from where to watch on. */
  async #begin(prefix: string, selection: Selection, options: ListOptions, listener: WatchListener): Promise<number> {
    const { resourceVersion = '', sendInitialEvents } = options;
    const fromNowhere = resourceVersion === '' || resourceVersion === '0';
    const wantsState = sendInitialEvents ?? fromNowhere;
    if (!wantsState && !fromNowhere) return revisionOf(resourceVersion);
    const { items, revision } = await this.#store.list(prefix, freshnessOf(resourceVersion));
    if (!wantsState) return revision;
    const chosen = selection.matches ? items.filter(({ object }) => selection.matches?.(object)) : items;
    listener.onEvents(addedOf(chosen), revision);
    if (sendInitialEvents) listener.onInitialEventsEnd(revision);
    return revision;
  }

  #stateFor(prefix: string, options: ListOptions): Promise<Listed> {
    const { resourceVersion = '', resourceVersionMatch, limit = 0 } = options;
    const exact = resourceVersionMatch === 'Exact' || (resourceVersionMatch === undefined && limit > 0);
    if (exact && resourceVersion !== '' && resourceVersion !== '0') {
      return this.#store.listAt(prefix, revisionOf(resourceVersion));
    }
    return this.#store.list(prefix, freshnessOf(resourceVersion));
  }

  /** All that match: looked for once in each state. */
  #all(items: readonly Stored[], { matches }: Selection, options: ListOptions): readonly Stored[] {
    if (!matches) return items;
    return once(this.#selected, items, selectorOf(options), () => items.filter(({ object }) => matches(object)));
  }

  async #nextPage(prefix: string, selection: Selection, text: string, options: ListOptions): Promise<ListResult> {
    const token = decodeContinue(text);
    const { items, revision } = await this.#stateOfPage(prefix, token);
    return this.#page(prefix, items, firstAfter(items, prefix + token.after), revision, selection, options);
  }

  /** A page from a place in the list on: looked for once in each state, too. */
  #page(
    prefix: string,
    items: readonly Stored[],
    start: number,
    revision: number,
    selection: Selection,
    options: ListOptions,
  ): ListResult {
    const { limit = 0 } = options;
    const page = once(this.#pages, items, `${start} ${limit} ${selectorOf(options)}`, () =>
      pageOf(items, start, selection, limit),
    );
    const shown = { items: page.items, revision, shared: true };
    if (!page.more) return shown;
    const more = { ...shown, continue: continueAfter(prefix, page.items, revision) };
    return page.remaining === undefined ? more : { ...more, remainingItemCount: page.remaining };
  }

  async #stateOfPage(prefix: string, { revision, after }: { revision: number; after: string }) {
    if (revision < 0) return this.#store.list(prefix, consistent);
    try {
      return await this.#store.listAt(prefix, revision);
    } catch (error) {
      throw isExpired(error) ? continueExpired(after) : error;
    }
  }
}

/** What was made of a state under a name, or else what `make` gives. */
function once<T>(
  known: WeakMap<readonly Stored[], Map<string, T>>,
  items: readonly Stored[],
  name: string,
  make: () => T,
): T {
  let ofState = known.get(items);
  if (!ofState || ofState.size >= maxSelections) {
    ofState = new Map();
    known.set(items, ofState);
  }
  let made = ofState.get(name);
  if (made === undefined) {
    made = make();
    ofState.set(name, made);
  }
  return made;
}

const selectorOf = ({ labelSelector = '', fieldSelector = '' }: ListOptions): string =>
  `${labelSelector}\0${fieldSelector}`;

/** A page of what matches, from an index on; `limit` 0: all the rest. */
function pageOf(items: readonly Stored[], start: number, { matches }: Selection, limit: number): Page {
  if (!matches) {
    const end = limit > 0 ? start + limit : items.length;
    const remaining = items.length - end;
    return remaining > 0
      ? { items: items.slice(start, end), more: true, remaining }
      : { items: items.slice(start), more: false };
  }
  const chosen: Stored[] = [];
  for (let index = start; index < items.length; index++) {
    const item = items[index];
    if (!item || !matches(item.object)) continue;
    if (limit > 0 && chosen.length === limit) return { items: chosen, more: true };
    chosen.push(item);
  }
  return { items: chosen, more: false };
}

function continueAfter(prefix: string, chosen: readonly Stored[], revision: number): string {
  return encodeContinue({ revision, after: chosen.at(-1)?.key.slice(prefix.length) ?? '' });
}

/** The index of the first item whose key comes after `key`. */
function firstAfter(items: readonly Stored[], key: string): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((items[middle]?.key ?? '') > key) high = middle;
    else low = middle + 1;
  }
  return low;
}

function selected(events: readonly StoreEvent[], { matches }: Selection): readonly ResourceEvent[] {
  if (matches) return events.flatMap((event) => throughSelector(event, matches) ?? []);
  let all = wholeBatches.get(events);
  if (!all) {
    all = events.flatMap((event) => whole(event) ?? []);
    wholeBatches.set(events, all);
  }
  return all;
}

/** What watches begin with: the same array for all that begin with the same list. */
const added = new WeakMap<readonly Stored[], readonly ResourceEvent[]>();

function addedOf(items: readonly Stored[]): readonly ResourceEvent[] {
  let events = added.get(items);
  if (!events) {
    events = items.map((stored) => ({ type: 'ADDED', stored }));
    added.set(items, events);
  }
  return events;
}

/** What is delivered to many watchers is the same array for all of them. */
const wholeBatches = new WeakMap<readonly StoreEvent[], readonly ResourceEvent[]>();

/** The same event object for every watcher, so that what is encoded of it can be kept with it. */
const wholeEvents = new WeakMap<StoreEvent, ResourceEvent>();

function whole(event: StoreEvent): ResourceEvent | undefined {
  const known = wholeEvents.get(event);
  if (known) return known;
  const stored = event.current ?? event.previous;
  if (!stored) return undefined;
  const type = !event.current ? 'DELETED' : event.previous ? 'MODIFIED' : 'ADDED';
  const made: ResourceEvent = { type, stored };
  wholeEvents.set(event, made);
  return made;
}

/** An object that begins to match is added to this watcher's world, one that no longer does is deleted from it. */
function throughSelector(event: StoreEvent, matches: (object: KubeObject) => boolean): ResourceEvent | undefined {
  const { current, previous } = event;
  const before = previous !== undefined && matches(previous.object);
  const now = current !== undefined && matches(current.object);
  if (now && (before || !previous)) return whole(event);
  if (now && current) return { type: 'ADDED', stored: current };
  if (!before) return undefined;
  return current ? { type: 'DELETED', stored: leaving(event, previous) } : whole(event);
}

/** The state before the event, with the event's revision, as Kubernetes tells of what left a selection. */
const leftObjects = new WeakMap<StoreEvent, Stored>();

function leaving(event: StoreEvent, previous: Stored): Stored {
  const known = leftObjects.get(event);
  if (known) return known;
  const metadata = { ...previous.object.metadata, resourceVersion: String(event.revision) };
  const object = { ...previous.object, metadata };
  const made: Stored = {
    key: event.key,
    revision: event.revision,
    object,
    bytes: Buffer.from(JSON.stringify(object)),
  };
  leftObjects.set(event, made);
  return made;
}

/** Throws BadRequest for a resourceVersion that is no number. */
export function freshnessOf(resourceVersion: string | undefined): Freshness {
  if (resourceVersion === undefined || resourceVersion === '') return consistent;
  if (resourceVersion === '0') return anyRevision;
  return { kind: 'atLeast', revision: revisionOf(resourceVersion) };
}

function revisionOf(text: string): number {
  if (!/^\d{1,15}$/.test(text)) {
    const quoted = JSON.stringify(text);
    throw badRequest(`resourceVersion: Invalid value: ${quoted}: strconv.ParseUint: parsing ${quoted}: invalid syntax`);
  }
  return Number(text);
}

const matchKinds = ['Exact', 'NotOlderThan'];

function validateListOptions(options: ListOptions): void {
  const { resourceVersion = '', resourceVersionMatch: match = '', continue: token = '' } = options;
  if (token !== '' && resourceVersion !== '' && resourceVersion !== '0') {
    throw badRequest('specifying resource version is not allowed when using continue');
  }
  const errors = new FieldErrors();
  if (options.sendInitialEvents !== undefined) {
    errors.forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list');
  }
  validateMatch(errors, match, resourceVersion, token);
  throwIfAny(errors);
}

function validateWatchOptions(options: ListOptions): void {
  const { resourceVersion = '', resourceVersionMatch: match = '', continue: token = '', sendInitialEvents } = options;
  const errors = new FieldErrors();
  const field = 'resourceVersionMatch';
  if (sendInitialEvents === undefined) {
    if (match !== '')
      errors.forbidden(field, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided');
  } else if (match === '') {
    errors.forbidden(field, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
  } else if (match !== 'NotOlderThan') {
    errors.notSupported(field, match, ['NotOlderThan']);
  }
  if (token !== '') errors.forbidden('continue', 'continue is forbidden for watch');
  throwIfAny(errors);
  if (resourceVersion !== '') revisionOf(resourceVersion);
}

function validateMatch(errors: FieldErrors, match: string, resourceVersion: string, token: string): void {
  if (match === '') return;
  const field = 'resourceVersionMatch';
  if (resourceVersion === '')
    errors.forbidden(field, 'resourceVersionMatch is forbidden unless resourceVersion is provided');
  if (token !== '') errors.forbidden(field, 'resourceVersionMatch is forbidden when continue is provided');
  if (!matchKinds.includes(match)) errors.noneOf(field, match, [...matchKinds, '']);
  if (match === 'Exact' && resourceVersion === '0') {
    errors.forbidden(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
  }
}

function throwIfAny(errors: FieldErrors): void {
  if (errors.any) throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', errors.causes);
}
