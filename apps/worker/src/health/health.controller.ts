import { Controller, Get, HttpStatus, Inject, Res } from '@nestjs/common';
import type { Response } from 'express';
import { REDIS } from '#platform/platform.module.js';
import type { RedisClient } from '#platform/redis.js';
import { LiveRegistry } from '#registry/live-registry.js';
import { PoolSupervisor } from '../pools/pool-supervisor.js';

/** `/health`: the process is up. `/ready`: it reaches Redis and knows the registry. */
@Controller()
export class HealthController {
  constructor(
    @Inject(REDIS) private readonly redis: RedisClient,
    private readonly registry: LiveRegistry,
    private readonly pools: PoolSupervisor,
  ) {}

  @Get('health')
  health(): { status: string } {
    return { status: 'ok' };
  }

  @Get('ready')
  ready(@Res({ passthrough: true }) response: Response): object {
    const redis = this.redis.status === 'ready';
    const { version } = this.registry.current;
    const ready = redis && version > 0;
    response.status(ready ? HttpStatus.OK : HttpStatus.SERVICE_UNAVAILABLE);
    return { status: ready ? 'ready' : 'not_ready', redis, registry_version: version, pools: this.pools.pools };
  }
}
