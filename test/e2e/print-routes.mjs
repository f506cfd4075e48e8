/**
 * Prints every route that an API process has in Express's own router, as JSON: `{ routes: ["GET /v1/jobs/{id}"], mounts: ["/docs"] }`. Run
 * with an API process's environment; needs what is built. A mount takes whatever comes below its path.
 */
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';

// By computed names: the check of the import arrows also runs where nothing is built yet.
const built = (file) => import(new URL(`../../dist/${file}`, import.meta.url).href);
const { ApiModule } = await built('apps/api/src/api.module.js');
const { prepareApi } = await built('apps/api/src/prepare-api.js');
const { CONFIG } = await built('libs/platform/src/platform.module.js');

/** Where something is mounted is known only by what it takes: these are tried. */
const TRIED = process.argv.slice(2);

const app = await NestFactory.create(ApiModule, { logger: false, abortOnError: false, bodyParser: false });
prepareApi(app, app.get(CONFIG));
await app.init();
const { stack } = app.getHttpAdapter().getInstance().router;

const routes = stack
  .filter(({ route }) => route)
  .flatMap(({ route }) =>
    Object.keys(route.methods).flatMap((method) =>
      [route.path].flat().map((path) => `${method.toUpperCase()} ${path.replaceAll(/[:*](\w+)/g, '{$1}')}`),
    ),
  );
// Without a path a middleware takes everything; with one, only what is below it.
const mounts = stack
  .filter((layer) => !layer.route && !layer.match('/'))
  .map((layer) => TRIED.filter((path) => layer.match(path)).toSorted((a, b) => a.length - b.length)[0] ?? 'unknown');
console.log(JSON.stringify({ routes: [...new Set(routes)].toSorted(), mounts: [...new Set(mounts)].toSorted() }));
await app.close();
process.exit(0);
