/** May somebody do something, what may I do, and who am I: the questions behind `kubectl auth can-i` and `auth whoami`. */
import { badRequest, invalid } from '../../api/errors.ts';
import { reviewKinds } from '../../api/kinds.ts';
import type {
  SelfSubjectAccessReview,
  SelfSubjectReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
} from '../../api/types.ts';
import type { UserInfo } from '../registry/context.ts';
import type { Review } from '../registry/review-resource.ts';
import { FieldErrors } from '../registry/validation/field-errors.ts';
import type { Attributes, Authorizer } from './authorize.ts';

type Asked = Pick<NonNullable<SubjectAccessReview['spec']>, 'resourceAttributes' | 'nonResourceAttributes'>;

export function accessReviews(authorizer: Authorizer): readonly Review[] {
  return [
    {
      kind: reviewKinds.subjectAccessReview,
      answer: (_ctx, _namespace, review: SubjectAccessReview) => subjectAccess(authorizer, review),
    },
    {
      kind: reviewKinds.localSubjectAccessReview,
      answer(_ctx, namespace = '', review: SubjectAccessReview) {
        checkLocal(review, namespace);
        return subjectAccess(authorizer, review, reviewKinds.localSubjectAccessReview);
      },
    },
    {
      kind: reviewKinds.selfSubjectAccessReview,
      answer({ user }, _namespace, review: SelfSubjectAccessReview) {
        const errors = new FieldErrors();
        validateAsked(review.spec ?? {}, errors);
        if (errors.any) throw invalid(reviewKinds.selfSubjectAccessReview, '', errors.causes);
        return { ...review, status: decision(authorizer, user, review.spec ?? {}) };
      },
    },
    {
      kind: reviewKinds.selfSubjectRulesReview,
      answer({ user }, _namespace, review: SelfSubjectRulesReview) {
        const namespace = review.spec?.namespace ?? '';
        if (namespace === '') throw badRequest('no namespace on request');
        return { ...review, status: rulesStatus(authorizer, user, namespace) };
      },
    },
    {
      kind: reviewKinds.selfSubjectReview,
      answer: ({ user }, _namespace, review: SelfSubjectReview) => ({
        ...review,
        status: { userInfo: userInfo(user) },
      }),
    },
  ];
}

/** A user as reviews tell of one. */
export function userInfo({ name, uid, groups, extra }: UserInfo) {
  return {
    username: name,
    ...(uid === undefined ? {} : { uid }),
    groups: [...groups],
    ...(extra === undefined
      ? {}
      : { extra: Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]])) }),
  };
}

function subjectAccess(
  authorizer: Authorizer,
  review: SubjectAccessReview,
  kind: (typeof reviewKinds)[keyof typeof reviewKinds] = reviewKinds.subjectAccessReview,
): SubjectAccessReview {
  const { user: name = '', groups = [], uid, extra, ...asked } = review.spec ?? {};
  const errors = new FieldErrors();
  validateAsked(asked, errors);
  if (name === '' && groups.length === 0) {
    errors.invalid('spec.user', name, 'at least one of user or group must be specified');
  }
  if (errors.any) throw invalid(kind, '', errors.causes);
  const user: UserInfo = { name, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) };
  return { ...review, status: decision(authorizer, user, asked) };
}

function decision(authorizer: Authorizer, user: UserInfo, asked: Asked) {
  const { allowed, reason } = authorizer.decide(user, attributesOf(asked));
  return { allowed, ...(reason === '' ? {} : { reason }) };
}

function attributesOf({ resourceAttributes, nonResourceAttributes }: Asked): Attributes {
  const none = { path: '', verb: '', group: '', resource: '', subresource: '', namespace: '', name: '' };
  if (nonResourceAttributes) return { ...none, ...nonResourceAttributes, isResource: false };
  const {
    verb = '',
    group = '',
    resource = '',
    subresource = '',
    namespace = '',
    name = '',
    fieldSelector,
  } = resourceAttributes ?? {};
  const asked = { ...none, isResource: true, verb, group, resource, subresource, namespace, name };
  return fieldSelector
    ? { ...asked, query: new URLSearchParams({ fieldSelector: selectorText(fieldSelector) }) }
    : asked;
}

type FieldSelector = NonNullable<NonNullable<Asked['resourceAttributes']>['fieldSelector']>;

/** What is not understood of a selector is left out: that only widens what is asked for. */
function selectorText({ rawSelector, requirements = [] }: FieldSelector): string {
  if (rawSelector) return rawSelector;
  return requirements
    .filter(({ operator, values = [] }) => operator === 'In' && values.length === 1)
    .map(({ key, values: [value = ''] = [] }) => `${key}=${value.replaceAll(/[\\,=]/g, '\\$&')}`)
    .join(',');
}

function rulesStatus(authorizer: Authorizer, user: UserInfo, namespace: string) {
  const { rules, incomplete } = authorizer.rulesFor(user, namespace);
  const lists = (values: readonly string[] | undefined): string[] => [...(values ?? [])];
  return {
    resourceRules: rules
      .filter(({ resources }) => resources?.length)
      .map(({ verbs, apiGroups, resources, resourceNames }) => ({
        verbs: [...verbs],
        apiGroups: lists(apiGroups),
        resources: lists(resources),
        ...(resourceNames?.length ? { resourceNames: lists(resourceNames) } : {}),
      })),
    nonResourceRules: rules
      .filter(({ nonResourceURLs }) => nonResourceURLs?.length)
      .map(({ verbs, nonResourceURLs }) => ({ verbs: [...verbs], nonResourceURLs: lists(nonResourceURLs) })),
    incomplete: incomplete !== undefined,
    ...(incomplete === undefined ? {} : { evaluationError: incomplete }),
  };
}

function validateAsked({ resourceAttributes, nonResourceAttributes }: Asked, errors: FieldErrors): void {
  if (resourceAttributes && nonResourceAttributes) {
    errors.invalid(
      'spec.nonResourceAttributes',
      nonResourceAttributes,
      'cannot be specified in combination with resourceAttributes',
    );
  }
  for (const selector of ['fieldSelector', 'labelSelector'] as const) {
    validateSelector(resourceAttributes?.[selector], `spec.resourceAttributes.${selector}`, errors);
  }
  if (!resourceAttributes && !nonResourceAttributes) {
    errors.invalid(
      'spec.resourceAttributes',
      undefined,
      'exactly one of nonResourceAttributes or resourceAttributes must be specified',
    );
  }
}

function validateSelector(
  selector: { readonly rawSelector?: string; readonly requirements?: readonly unknown[] } | undefined,
  field: string,
  errors: FieldErrors,
): void {
  if (!selector) return;
  const { rawSelector = '', requirements = [] } = selector;
  if (rawSelector !== '' && requirements.length > 0) {
    errors.invalid(`${field}.rawSelector`, rawSelector, 'may not specified at the same time as requirements');
  }
  if (rawSelector === '' && requirements.length === 0) {
    errors.required(`${field}.requirements`, `when ${field} is specified, requirements or rawSelector is required`);
  }
}

function checkLocal({ spec }: SubjectAccessReview, namespace: string): void {
  const errors = new FieldErrors();
  const asked = spec?.resourceAttributes?.namespace ?? '';
  if (spec?.resourceAttributes && asked !== namespace) {
    errors.invalid('spec.resourceAttributes.namespace', asked, 'must match metadata.namespace');
  }
  if (spec?.nonResourceAttributes) {
    errors.invalid('spec.nonResourceAttributes', spec.nonResourceAttributes, 'disallowed on this kind of request');
  }
  if (errors.any) throw invalid(reviewKinds.localSubjectAccessReview, '', errors.causes);
}
