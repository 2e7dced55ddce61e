/** `node compose/api-schema-main.ts`: makes the schema of the API where it is missing or old. Part of setup.sh and the build. */
import { ensureApiSchema } from './api-schema.ts';

ensureApiSchema();
