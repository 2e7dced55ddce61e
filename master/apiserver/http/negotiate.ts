/**
 * Content negotiation: which representation of an object the client asked for.
 *
 * Served are JSON and YAML; a client that takes protobuf only is told 406. Beside the object itself, a client may ask for
 * it as a Table (what kubectl prints) or as PartialObjectMetadata, with `;as=…;v=v1;g=meta.k8s.io`; old clients say `v=v1beta1`.
 */
import { StatusError, statusError } from '../../api/errors.ts';

export type Shape = 'object' | 'table' | 'metadata' | 'metadata-list';

/** The versions in which tables and metadata are served; they differ in nothing but the name. */
export const metaVersions = ['v1', 'v1beta1'] as const;
export type MetaVersion = (typeof metaVersions)[number];

export interface Representation {
  readonly shape: Shape;
  /** The version of meta.k8s.io that a shape other than the object's own is in. */
  readonly version: MetaVersion;
  readonly format: 'json' | 'yaml';
  /** What the answer's Content-Type says. */
  readonly contentType: string;
}

export const jsonObject: Representation = {
  shape: 'object',
  version: 'v1',
  format: 'json',
  contentType: 'application/json',
};
const yamlObject: Representation = {
  shape: 'object',
  version: 'v1',
  format: 'yaml',
  contentType: 'application/yaml',
};

const shapes: Record<string, Shape> = {
  Table: 'table',
  PartialObjectMetadata: 'metadata',
  PartialObjectMetadataList: 'metadata-list',
};

/** Clients send a few headers over and over; the cache is bounded because a client may send anything. */
const parsed = new Map<string, Representation | StatusError>();
const parsedLimit = 256;

/** Reads an Accept header. Throws 406 where nothing in it can be served. */
export function negotiate(accept: string | undefined): Representation {
  if (accept === undefined || accept === '' || accept === 'application/json' || accept === '*/*') return jsonObject;
  let result = parsed.get(accept);
  if (result === undefined) {
    result = read(accept) ?? notAcceptable();
    if (parsed.size < parsedLimit) parsed.set(accept, result);
  }
  if (result instanceof StatusError) throw result;
  return result;
}

/** The same for what has no columns, so that nobody gets it as a Table: answers to questions. */
export function negotiateUntabled(accept: string | undefined): Representation {
  const { shape } = negotiate(accept);
  if (shape !== 'table') return negotiate(accept);
  const { Table: _table, ...others } = shapes;
  const result = read(accept ?? '', others);
  if (!result) throw notAcceptable();
  return result;
}

/** One entry of an Accept header. */
export interface MediaRange {
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** The entries of an Accept header, the most wanted first. */
export function mediaRanges(accept: string): MediaRange[] {
  const ranges = accept.split(',').map((entry) => {
    const [type = '', ...rest] = entry.split(';');
    const parameters: Record<string, string> = {};
    for (const parameter of rest) {
      const equals = parameter.indexOf('=');
      if (equals > 0) parameters[parameter.slice(0, equals).trim().toLowerCase()] = parameter.slice(equals + 1).trim();
    }
    return { type: type.trim().toLowerCase(), parameters };
  });
  const quality = (range: MediaRange): number => {
    const value = Number(range.parameters.q ?? 1);
    return Number.isNaN(value) ? 1 : value;
  };
  return ranges.filter((range) => quality(range) > 0).sort((a, b) => quality(b) - quality(a));
}

function read(accept: string, known = shapes): Representation | undefined {
  for (const { type, parameters } of mediaRanges(accept)) {
    const isYaml = type === 'application/yaml';
    if (!isYaml && type !== 'application/json' && type !== '*/*' && type !== 'application/*') continue;
    const as = parameters.as;
    if (as === undefined) return isYaml ? yamlObject : jsonObject;
    const shape = known[as];
    const { v = '', g = '' } = parameters;
    const version = metaVersions.find((served) => served === v);
    if (shape === undefined || version === undefined || g !== 'meta.k8s.io') continue;
    const format = isYaml ? 'yaml' : 'json';
    return { shape, version, format, contentType: `application/${format};as=${as};v=${v};g=${g}` };
  }
  return undefined;
}

function notAcceptable(): StatusError {
  return statusError(
    'NotAcceptable',
    'only the following media types are accepted: application/json, application/yaml',
  );
}
