import 'reflect-metadata';
import { startProcess } from '#platform/start-process.js';
import { WorkerModule } from './worker.module.js';

await startProcess({ role: 'worker', module: WorkerModule, listen: (config) => config.worker });
