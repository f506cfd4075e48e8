/** `npm run tokenhub -- <command>`: see scripts/tokenhub/main.ts; this file only gets there on any Node ≥ 20. */
import { bootstrap } from './lib/bootstrap.mjs';

await bootstrap('scripts/tokenhub/main.ts');
