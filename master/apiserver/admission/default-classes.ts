/** DefaultStorageClass and DefaultIngressClass: the class that is marked as default, for what names none. */
import type { Ingress, KubeObject, PersistentVolumeClaim } from '../../api/types.ts';
import { classAnnotation } from '../../api/volume-claims.ts';
import type { Objects } from './objects.ts';
import type { AdmissionPlugin } from './types.ts';

const storageMarks = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];
const ingressMarks = ['ingressclass.kubernetes.io/is-default-class'];
const ingressAnnotation = 'kubernetes.io/ingress.class';

export function defaultStorageClass(objects: Objects): AdmissionPlugin {
  return {
    name: 'DefaultStorageClass',
    resources: ['persistentvolumeclaims'],
    async admit({ operation, subresource, object }) {
      if (operation !== 'CREATE' || subresource !== undefined || !object) return;
      const claim: PersistentVolumeClaim = object;
      const named = claim.spec?.storageClassName !== undefined || hasAnnotation(claim, classAnnotation);
      const common = named ? undefined : newestMarked(await objects.list('storageclasses'), storageMarks);
      if (common !== undefined) claim.spec = { ...claim.spec, storageClassName: common };
    },
  };
}

export function defaultIngressClass(objects: Objects): AdmissionPlugin {
  return {
    name: 'DefaultIngressClass',
    resources: ['ingresses.networking.k8s.io'],
    async admit({ operation, subresource, object }) {
      if (operation !== 'CREATE' || subresource !== undefined || !object) return;
      const ingress: Ingress = object;
      const named = ingress.spec?.ingressClassName !== undefined || hasAnnotation(ingress, ingressAnnotation);
      const common = named ? undefined : newestMarked(await objects.list('ingressclasses'), ingressMarks);
      if (common !== undefined) ingress.spec = { ...ingress.spec, ingressClassName: common };
    },
  };
}

const hasAnnotation = ({ metadata }: KubeObject, key: string): boolean => metadata?.annotations?.[key] !== undefined;

/** The name of the class that was made last among those with a mark; of two made together, the first by name. */
function newestMarked(classes: readonly KubeObject[], marks: readonly string[]): string | undefined {
  const marked = classes.filter(({ metadata }) => marks.some((mark) => metadata?.annotations?.[mark] === 'true'));
  const madeAt = ({ metadata }: KubeObject): string => metadata?.creationTimestamp ?? '';
  const [newest] = marked.toSorted((a, b) => (madeAt(a) < madeAt(b) ? 1 : madeAt(a) > madeAt(b) ? -1 : 0));
  return newest?.metadata?.name;
}
