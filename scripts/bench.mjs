/** `npm run bench`: see scripts/bench/main.ts; this file only gets there on any Node ≥ 20. */
import { bootstrap } from './lib/bootstrap.mjs';

await bootstrap('scripts/bench/main.ts');
