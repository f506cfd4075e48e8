import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';

export const PAGE_PATH = '/admin/';

const FILES = [
  { path: '/', file: 'index.html', type: 'text/html; charset=utf-8' },
  { path: '/page.css', file: 'page.css', type: 'text/css; charset=utf-8' },
  { path: '/icon.svg', file: 'icon.svg', type: 'image/svg+xml' },
  { path: '/page.js', file: 'page.js', type: 'text/javascript; charset=utf-8' },
  { path: '/client.js', file: 'client.js', type: 'text/javascript; charset=utf-8' },
];

/** Serves the page of the administration to anybody: it holds nothing, and asks the admin API for everything. */
export function mountAdminPage(app: NestExpressApplication): void {
  const files = new Map(
    FILES.map(({ path, file, type }) => [path, { type, content: readFileSync(join(import.meta.dirname, file)) }]),
  );
  app.use('/admin', (request: Request, response: Response, next: NextFunction) => {
    const file = files.get(request.path);
    if (file === undefined || (request.method !== 'GET' && request.method !== 'HEAD')) next();
    // Without its slash the page would look for its parts at the root.
    else if (request.originalUrl.replace(/\?.*/, '').toLowerCase() === '/admin') response.redirect(308, PAGE_PATH);
    else response.set('content-type', file.type).send(file.content);
  });
}
