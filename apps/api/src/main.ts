import 'reflect-metadata';
import { startProcess } from '#platform/start-process.js';
import { mountAdminBoard } from './admin/admin-board.js';
import { mountAdminPage } from './admin/page/admin-page.js';
import { ApiModule } from './api.module.js';
import { mountApiDocs } from './http/api-docs.js';
import { configureApp } from './http/configure-app.js';

await startProcess({
  role: 'api',
  module: ApiModule,
  listen: (config) => config.server,
  prepare: (app, config) => {
    configureApp(app, config);
    mountAdminBoard(app);
    mountAdminPage(app);
    mountApiDocs(app);
  },
});
