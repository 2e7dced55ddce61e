/** PodTemplates. */
import { kinds } from '../../../api/kinds.ts';
import { deepEqual } from '../../../api/meta.ts';
import type { PodTemplate } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import { column, containerColumns, labelText, nameColumn } from '../columns/common.ts';
import { defaultTemplate } from '../defaults/pod-spec.ts';
import type { Strategy } from '../strategy.ts';
import { isNews, templateWarnings } from '../validation/pod/warnings.ts';
import { validateTemplate } from '../validation/workload.ts';

export const podTemplateStrategy: Strategy<PodTemplate> = {
  kind: kinds.podtemplates,
  columns: [
    nameColumn,
    ...containerColumns<PodTemplate>(({ template }) => template).map((shown) => ({ ...shown, priority: 0 as const })),
    column<PodTemplate>('Pod Labels', 'The labels for the pod template.', ({ template }) =>
      labelText(template?.metadata?.labels),
    ),
  ],
  nameErrors: isDns1123Subdomain,
  hasGeneration: true,
  changesGeneration: ({ template }, old) => !deepEqual(template, old.template),
  setDefaults: ({ template }) => defaultTemplate(template),
  warnings: ({ template, metadata }, old) => (isNews(metadata, old) ? templateWarnings(template, 'template') : []),
  validate({ template }, errors) {
    if (template) validateTemplate(template, 'template', errors);
    else errors.required('template');
  },
};
