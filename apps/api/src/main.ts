import 'reflect-metadata';
import { startProcess } from '#platform/start-process.js';
import { ApiModule } from './api.module.js';
import { prepareApi } from './prepare-api.js';

await startProcess({ role: 'api', module: ApiModule, listen: (config) => config.server, prepare: prepareApi });
