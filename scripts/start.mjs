/** `npm start`: see scripts/start/main.ts; this file only gets there on any Node ≥ 20. */
import { bootstrap } from './lib/bootstrap.mjs';

await bootstrap('scripts/start/main.ts');
