import type { NestExpressApplication } from '@nestjs/platform-express';
import type { TokenhubConfig } from '#platform/config/config.js';
import { mountAdminBoard } from './admin/admin-board.js';
import { mountAdminPage } from './admin/page/admin-page.js';
import { mountApiDocs } from './http/api-docs.js';
import { configureApp } from './http/configure-app.js';

/** Mounts everything that an API process serves beside its controllers. */
export function prepareApi(app: NestExpressApplication, config: TokenhubConfig): void {
  configureApp(app, config);
  mountAdminBoard(app);
  mountAdminPage(app);
  mountApiDocs(app);
}
