/**
 * CertificateApproval, CertificateSigning and CertificateSubjectRestriction: who may say yes for a signer, who may sign in its
 * name, and what nobody gets signed. (Kubernetes, "Certificates and Certificate Signing Requests".)
 */
import { forbidden } from '../../api/errors.ts';
import { kinds } from '../../api/kinds.ts';
import { deepEqual } from '../../api/meta.ts';
import type { CertificateSigningRequest } from '../../api/types.ts';
import type { Judge } from './authorizer-functions.ts';
import type { AdmissionPlugin, AdmissionRequest } from './types.ts';

const resources = ['certificatesigningrequests.certificates.k8s.io'];
const clientSigner = 'kubernetes.io/kube-apiserver-client';

/** `judge` is who says what users may do; without one, nobody is refused. */
export function certificateApproval(judge: Judge | undefined): AdmissionPlugin {
  return {
    name: 'CertificateApproval',
    resources,
    validate(request) {
      if (request.operation !== 'UPDATE' || request.subresource !== 'approval') return;
      const { signerName } = specOf(request.old);
      if (!judge || mayUseSigner(judge, request, 'approve', signerName)) return;
      const why = `user not permitted to approve requests with signerName "${signerName}"`;
      throw forbidden(request.kind, request.name, why);
    },
  };
}

export function certificateSigning(judge: Judge | undefined): AdmissionPlugin {
  return {
    name: 'CertificateSigning',
    resources,
    validate(request) {
      if (request.operation !== 'UPDATE' || request.subresource !== 'status') return;
      const { status: now } = requestOf(request.object);
      const { status: before } = requestOf(request.old);
      const same = (field: 'certificate' | 'conditions'): boolean => deepEqual(now?.[field], before?.[field]);
      const { signerName } = specOf(request.old);
      if ((same('certificate') && same('conditions')) || !judge || mayUseSigner(judge, request, 'sign', signerName))
        return;
      const why = `user not permitted to sign requests with signerName "${signerName}"`;
      throw forbidden(request.kind, request.name, why);
    },
  };
}

export const certificateSubjectRestriction: AdmissionPlugin = {
  name: 'CertificateSubjectRestriction',
  resources,
  async validate({ operation, subresource, kind, name, object }) {
    if (operation !== 'CREATE' || subresource !== undefined) return;
    const { signerName, request } = specOf(object);
    if (signerName !== clientSigner) return;
    // Loaded only where it is needed: few requests are for this signer.
    const { organizationsOf } = await import('./certificate-subject.ts');
    if (!organizationsOf(request).includes('system:masters')) return;
    throw forbidden(kind, name, `use of ${clientSigner} signer with system:masters group is not allowed`);
  },
};

/** A right on the signer itself, or on all signers of its domain. */
function mayUseSigner(judge: Judge, { ctx }: AdmissionRequest, verb: string, signer: string): boolean {
  const { group } = kinds.certificatesigningrequests;
  return [signer, `${signer.split('/')[0]}/*`].some(
    (name) =>
      judge.decide(ctx.user, {
        isResource: true,
        verb,
        path: '',
        group,
        resource: 'signers',
        subresource: '',
        namespace: '',
        name,
      }).allowed,
  );
}

function requestOf(object: AdmissionRequest['object']): Partial<CertificateSigningRequest> {
  return object ?? {};
}

const specOf = (object: AdmissionRequest['object']): { signerName: string; request: string } => {
  const { signerName = '', request = '' } = requestOf(object).spec ?? {};
  return { signerName, request };
};
