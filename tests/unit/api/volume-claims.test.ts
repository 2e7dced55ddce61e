import test from 'ava';
import type { PersistentVolume, PersistentVolumeClaim } from '../../../master/api/types.ts';
import { candidatesFor, whyNot } from '../../../master/api/volume-claims.ts';

const volume = (name: string, storage: string, spec: PersistentVolume['spec'] = {}, labels = {}): PersistentVolume => ({
  metadata: { name, labels },
  spec: { capacity: { storage }, accessModes: ['ReadWriteOnce'], ...spec },
  status: { phase: 'Available' },
});
const claim = (storage: string, spec: PersistentVolumeClaim['spec'] = {}): PersistentVolumeClaim => ({
  metadata: { namespace: 'ns', name: 'c', uid: 'u' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } }, ...spec },
});
const found = (wanted: PersistentVolumeClaim, ...volumes: PersistentVolume[]): string | undefined => {
  const { kept, free } = candidatesFor(wanted, volumes);
  return (kept ?? free[0])?.metadata?.name;
};

test('of the free volumes the smallest does that can least', (t) => {
  const modes = ['ReadWriteOnce', 'ReadWriteMany'];
  const all = [
    volume('big', '9Gi'),
    volume('able', '4Gi', { accessModes: modes }),
    volume('fit', '5Gi'),
    volume('tiny', '1Mi'),
  ];
  t.is(found(claim('4Gi'), ...all), 'fit');
  t.is(found(claim('4Gi', { accessModes: ['ReadWriteMany'] }), ...all), 'able');
  t.is(found(claim('10Gi'), ...all), undefined);
});

test('class, mode and labels must be what the claim asks for', (t) => {
  const all = [
    volume('classed', '1Gi', { storageClassName: 'fast' }),
    volume('block', '1Gi', { volumeMode: 'Block' }),
    volume('plain', '2Gi', {}, { tier: 'gold' }),
  ];
  t.is(found(claim('1Gi'), ...all), 'plain');
  t.is(found(claim('1Gi', { storageClassName: 'fast' }), ...all), 'classed');
  t.is(found(claim('1Gi', { volumeMode: 'Block' }), ...all), 'block');
  t.is(found(claim('1Gi', { selector: { matchLabels: { tier: 'gold' } } }), ...all), 'plain');
  t.is(found(claim('1Gi', { selector: { matchLabels: { tier: 'lead' } } }), ...all), undefined);
});

test('a volume is kept for the claim that it names, and for no other', (t) => {
  const of = (name: string, uid?: string) => ({
    claimRef: { namespace: 'ns', name, ...(uid !== undefined && { uid }) },
  });
  t.is(found(claim('1Gi'), volume('free', '1Gi'), volume('kept', '8Gi', of('c'))), 'kept');
  t.is(found(claim('1Gi'), volume('begun', '8Gi', of('c', 'u'))), 'begun');
  t.is(found(claim('1Gi'), volume('former', '8Gi', of('c', 'older'))), undefined);
  t.is(found(claim('1Gi'), volume('others', '8Gi', of('d'))), undefined);
  t.is(found(claim('9Gi'), volume('kept', '8Gi', of('c'))), undefined);
  t.is(whyNot(volume('small', '1Gi'), claim('2Gi')), 'requested PV is too small');
  t.is(whyNot(volume('fits', '2Gi'), claim('2Gi')), undefined);
});
