import { Controller, Get, HttpStatus, Inject, Res } from '@nestjs/common';
import type { Response } from 'express';
import { DatabaseProbe } from '#history/database-probe.js';
import { REDIS } from '#platform/platform.module.js';
import type { RedisClient } from '#platform/redis.js';
import { LiveRegistry } from '#registry/live-registry.js';
import { LiveVault, vaultView } from '#vault/live-vault.js';
import { PoolSupervisor } from '../pools/pool-supervisor.js';

/** `/health`: the process is up. `/ready`: it reaches Redis and knows the registry; the database does not fail it. */
@Controller()
export class HealthController {
  constructor(
    @Inject(REDIS) private readonly redis: RedisClient,
    private readonly registry: LiveRegistry,
    private readonly pools: PoolSupervisor,
    private readonly database: DatabaseProbe,
    private readonly vault: LiveVault,
  ) {}

  @Get('health')
  health(): { status: string } {
    return { status: 'ok' };
  }

  @Get('ready')
  async ready(@Res({ passthrough: true }) response: Response): Promise<object> {
    const database = await this.database.status();
    const redis = this.redis.status === 'ready';
    const { version } = this.registry.current;
    const ready = redis && version > 0;
    response.status(ready ? HttpStatus.OK : HttpStatus.SERVICE_UNAVAILABLE);
    const status = ready ? 'ready' : 'not_ready';
    const vault = vaultView(this.vault);
    return { status, redis, database, vault, registry_version: version, pools: this.pools.pools };
  }
}
