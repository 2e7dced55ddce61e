import test from 'ava';
import { allKinds } from '../../../../../master/api/kinds.ts';
import { factsAbout, listMerge } from '../../../../../master/apiserver/registry/schema/facts.ts';
import {
  allTypes,
  fieldsOf,
  hasType,
  readDescriptions,
  typeName,
} from '../../../../../master/apiserver/registry/schema/types.ts';

test('every kind that is served, and every kind that a subresource speaks, has a type', (t) => {
  for (const kind of allKinds) {
    t.true(hasType(typeName(kind)), typeName(kind));
    for (const { kind: spoken, group = kind.group, version = kind.version } of kind.subresources) {
      // The options of exec, proxy and their kin are parameters in the URL: nothing of these kinds is ever sent.
      if (spoken && !spoken.endsWith('Options')) t.true(hasType(typeName({ group, version, kind: spoken })), spoken);
    }
  }
});

test('every type that a field has is there', (t) => {
  for (const name of allTypes()) {
    for (const field of fieldsOf(name)) {
      let { type } = field;
      while (type.is === 'list' || type.is === 'map') type = type.of;
      if (type.is === 'type' && !hasType(type.name)) t.fail(`${name}.${field.name} is of ${type.name}`);
    }
  }
  t.pass();
});

test('every fact is about a field that there is, and a list merges by keys that its items have', (t) => {
  for (const about of factsAbout()) {
    const [group, version, kind, field] = about.split('.');
    const name = `${group}.${version}.${kind}`;
    if (!hasType(name)) {
      t.fail(`there is no type ${name}`);
      continue;
    }
    if (field === undefined) continue;
    const { type } = fieldsOf(name).find((other) => other.name === field) ?? {};
    if (!type) {
      t.fail(`there is no field ${about}`);
      continue;
    }
    const { patchKey, listKeys = [] } = listMerge(name, field) ?? {};
    for (const key of [...(patchKey ? [patchKey] : []), ...listKeys]) {
      const items = type.is === 'list' ? type.of : undefined;
      if (items?.is === 'type')
        t.true(
          fieldsOf(items.name).some((other) => other.name === key),
          `${about} by ${key}`,
        );
      else t.is(key, '*', about);
    }
  }
  t.pass();
});

test('what Kubernetes says of types and fields comes with them', (t) => {
  const texts = readDescriptions();
  t.regex(texts['core.v1.Pod']?.[''] ?? '', /^Pod is a collection of containers/);
  t.regex(texts['core.v1.Container']?.image ?? '', /^Container image name/);
  t.regex(texts['core.v1.Container']?.args ?? '', /The container image's CMD/);
});
