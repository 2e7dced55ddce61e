import test from 'ava';
import { installByHand, planInstall } from '../../../compose/packages.ts';
import { distribution } from '../../../compose/system.ts';

const bookworm = distribution('ID=debian\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n');
const trixie = distribution('ID=debian\nVERSION_CODENAME=trixie\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n');
const ubuntu = distribution('ID=ubuntu\nVERSION_CODENAME=noble\nPRETTY_NAME="Ubuntu 24.04 LTS"\n');
const fedora = distribution('ID=fedora\nPRETTY_NAME="Fedora Linux 42"\n');

test('what Debian 12 lacks comes from Debian 13, pinned so low that nothing else does', (t) => {
  const plan = planInstall(['docker', 'compose'], bookworm);
  t.deepEqual(plan?.packages, ['docker.io', 'docker-compose/trixie']);
  t.regex(Object.values(plan?.files ?? {}).join('\n'), /Pin: release n=trixie\nPin-Priority: 100/);
});

test('Debian 13 has all of it, the command of Docker in a package of its own', (t) => {
  t.deepEqual(planInstall(['docker', 'compose', 'etcd', 'kubectl'], trixie), {
    files: {},
    packages: ['docker.io', 'docker-compose', 'etcd-server', 'kubernetes-client', 'docker-cli'],
  });
});

test('Ubuntu calls Compose otherwise', (t) => {
  t.deepEqual(planInstall(['docker', 'compose'], ubuntu)?.packages, ['docker.io', 'docker-compose-v2']);
});

test('elsewhere one line says what to install', (t) => {
  t.is(planInstall(['docker'], fedora), undefined);
  const line = installByHand(['docker', 'compose'], fedora, true);
  t.regex(line, /^Please install Docker Engine .* and Docker Compose .*\.$/);
  t.false(line.includes('\n'));
});

test('who is not root is told that root would do', (t) => {
  t.regex(
    installByHand(['docker'], bookworm, false),
    /run this once as root, which installs them from Debian GNU\/Linux 12/,
  );
});
