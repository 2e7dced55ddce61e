/**
 * `authorizer` in admission's expressions (Kubernetes' CEL authorizer library): asks whether the user of the request, or a
 * service account, may do something else.
 */
import type { Environment } from '@marcbachmann/cel-js';
import type { UserInfo } from '../registry/context.ts';

/** What is asked of the judge: as `Attributes` of authorization. */
export interface Question {
  readonly isResource: boolean;
  readonly verb: string;
  readonly path: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** With `fieldSelector`. */
  readonly query?: URLSearchParams;
}

/** Who decides what users may do. */
export interface Judge {
  decide(user: UserInfo, question: Question): { readonly allowed: boolean; readonly reason: string };
}

const nothing: Omit<Question, 'verb'> = {
  isResource: true,
  path: '',
  group: '',
  resource: '',
  subresource: '',
  namespace: '',
  name: '',
};

export class Authorizer {
  readonly judge: Judge;
  readonly user: UserInfo;
  /** What `authorizer.requestResource` is about. */
  readonly requestResource: ResourceCheck;

  constructor(judge: Judge, user: UserInfo, request: Partial<Question>) {
    this.judge = judge;
    this.user = user;
    this.requestResource = new ResourceCheck(this, request);
  }

  as(namespace: string, name: string): Authorizer {
    const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
    return new Authorizer(this.judge, { name: `system:serviceaccount:${namespace}:${name}`, groups }, {});
  }

  check(question: Partial<Question>, verb: string): Decision {
    try {
      return new Decision(this.judge.decide(this.user, { ...nothing, ...question, verb }));
    } catch (error) {
      return new Decision({ allowed: false, reason: '' }, error instanceof Error ? error.message : String(error));
    }
  }
}

class PathCheck {
  readonly authorizer: Authorizer;
  readonly path: string;
  constructor(authorizer: Authorizer, path: string) {
    this.authorizer = authorizer;
    this.path = path;
  }
}

class GroupCheck {
  readonly authorizer: Authorizer;
  readonly group: string;
  constructor(authorizer: Authorizer, group: string) {
    this.authorizer = authorizer;
    this.group = group;
  }
}

class ResourceCheck {
  readonly authorizer: Authorizer;
  readonly question: Partial<Question>;
  constructor(authorizer: Authorizer, question: Partial<Question>) {
    this.authorizer = authorizer;
    this.question = question;
  }

  with(more: Partial<Question>): ResourceCheck {
    return new ResourceCheck(this.authorizer, { ...this.question, ...more });
  }
}

class Decision {
  readonly allowed: boolean;
  readonly reason: string;
  readonly error: string;
  constructor({ allowed, reason }: { allowed: boolean; reason: string }, error = '') {
    this.allowed = allowed;
    this.reason = reason;
    this.error = error;
  }
}

/** Registers the types and their functions. */
export function registerAuthorizer(environment: Environment): void {
  const add = (signature: string, handler: (...parts: never[]) => unknown): void => {
    environment.registerFunction(signature, handler, { async: false });
  };
  const nameOf = (type: string): string => `kubernetes.authorization.${type}`;
  const [authorizer, path, group] = [nameOf('Authorizer'), nameOf('PathCheck'), nameOf('GroupCheck')];
  const [resource, decision] = [nameOf('ResourceCheck'), nameOf('Decision')];
  environment.registerType(path, PathCheck);
  environment.registerType(group, GroupCheck);
  environment.registerType(resource, ResourceCheck);
  environment.registerType(decision, Decision);
  environment.registerType(authorizer, { ctor: Authorizer, fields: { requestResource: resource } });

  add(`${authorizer}.path(string): ${path}`, (of: Authorizer, text: string) => new PathCheck(of, text));
  add(`${authorizer}.group(string): ${group}`, (of: Authorizer, text: string) => new GroupCheck(of, text));
  add(
    `${authorizer}.serviceAccount(string, string): ${authorizer}`,
    (of: Authorizer, namespace: string, name: string) => of.as(namespace, name),
  );
  add(`${path}.check(string): ${decision}`, (of: PathCheck, verb: string) =>
    of.authorizer.check({ isResource: false, path: of.path }, verb),
  );
  add(
    `${group}.resource(string): ${resource}`,
    (of: GroupCheck, text: string) => new ResourceCheck(of.authorizer, { group: of.group, resource: text }),
  );
  for (const part of ['subresource', 'namespace', 'name']) {
    add(`${resource}.${part}(string): ${resource}`, (of: ResourceCheck, text: string) => of.with({ [part]: text }));
  }
  for (const selector of ['fieldSelector', 'labelSelector']) {
    add(`${resource}.${selector}(string): ${resource}`, (of: ResourceCheck, text: string) => {
      const query = new URLSearchParams(of.question.query);
      query.set(selector, text);
      return of.with({ query });
    });
  }
  add(`${resource}.check(string): ${decision}`, (of: ResourceCheck, verb: string) =>
    of.authorizer.check(of.question, verb),
  );
  add(`${decision}.allowed(): bool`, (of: Decision) => of.allowed);
  add(`${decision}.reason(): string`, (of: Decision) => of.reason);
  add(`${decision}.errored(): bool`, (of: Decision) => of.error !== '');
  add(`${decision}.error(): string`, (of: Decision) => of.error);
}
