/** `npm test`: see scripts/test/main.ts; this file only gets there on any Node ≥ 20. */
import { bootstrap } from './lib/bootstrap.mjs';

await bootstrap('scripts/test/main.ts');
