import test from 'ava';
import { isInside } from '../../../../node/kubelet/volumes/is-inside.ts';

test('a path is inside its base and what is under it, and nowhere else', (t) => {
  for (const path of ['/base', '/base/a', '/base/..data', '/base/..a/b']) t.true(isInside('/base', path), path);
  for (const path of ['/', '/other', '/bases', '/base/../other']) t.false(isInside('/base', path), path);
});
