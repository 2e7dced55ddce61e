/** What `kubectl get --subresource=scale` shows. */
import type { Scale } from '../../../api/types.ts';
import type { Column } from '../context.ts';
import { ageColumn, integerColumn, nameColumn } from './common.ts';

export const scaleColumns: readonly Column[] = [
  nameColumn,
  integerColumn<Scale>('Desired', 'How many replicas are wanted.', ({ spec }) => spec?.replicas ?? 0),
  integerColumn<Scale>('Available', 'How many replicas there are.', ({ status }) => status?.replicas ?? 0),
  ageColumn,
];
