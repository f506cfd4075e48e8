/** `npm run test:chaos`: see scripts/chaos/main.ts; this file only gets there on any Node ≥ 20. */
import { bootstrap } from './lib/bootstrap.mjs';

await bootstrap('scripts/chaos/main.ts');
