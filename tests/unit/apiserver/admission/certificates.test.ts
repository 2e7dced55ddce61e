import test from 'ava';
import { kinds } from '../../../../master/api/kinds.ts';
import type { CertificateSigningRequest } from '../../../../master/api/types.ts';
import type { Question } from '../../../../master/apiserver/admission/authorizer-functions.ts';
import {
  certificateApproval,
  certificateSigning,
  certificateSubjectRestriction,
} from '../../../../master/apiserver/admission/certificates.ts';
import { newRequest } from '../../../../node/certificates/csr.ts';
import { change, creation } from './support.ts';

const csr = (status: CertificateSigningRequest['status'] = {}, request = ''): CertificateSigningRequest => ({
  spec: { request, signerName: 'kubernetes.io/kube-apiserver-client' },
  status,
});
const kind = kinds.certificatesigningrequests;
/** May do these, as `verb resource name`. */
const judgeOf = (...allowed: string[]) => ({
  decide: (_user: unknown, { verb, resource, name }: Question) => ({
    allowed: allowed.includes(`${verb} ${resource} ${name}`),
    reason: '',
  }),
});

test('who approves and who signs has a right to the signer, or to all of its domain', async (t) => {
  const approval = { ...change(csr(), csr(), kind), subresource: 'approval' };
  const approve = async (...allowed: string[]) => certificateApproval(judgeOf(...allowed)).validate?.(approval);
  await t.throwsAsync(approve('sign signers kubernetes.io/*'), {
    message: /user not permitted to approve requests with signerName "kubernetes\.io\/kube-apiserver-client"$/,
  });
  await t.notThrowsAsync(approve('approve signers kubernetes.io/*'));
  await t.notThrowsAsync(approve('approve signers kubernetes.io/kube-apiserver-client'));
  const signing = { ...change(csr({ certificate: 'eA==' }), csr(), kind), subresource: 'status' };
  const sign = async (...allowed: string[]) => certificateSigning(judgeOf(...allowed)).validate?.(signing);
  await t.throwsAsync(sign(), { message: /user not permitted to sign requests/ });
  await t.notThrowsAsync(sign('sign signers kubernetes.io/*'));
});

test('no client certificate is asked for in the group that may do everything', async (t) => {
  const requestFor = async (organization: string) => {
    const { request } = await newRequest({ commonName: 'me', organization });
    return certificateSubjectRestriction.validate?.(
      creation(csr({}, Buffer.from(request).toString('base64')), { kind }),
    );
  };
  await t.throwsAsync(requestFor('system:masters'), {
    message: /use of kubernetes\.io\/kube-apiserver-client signer with system:masters group is not allowed$/,
  });
  await t.notThrowsAsync(requestFor('team'));
});
