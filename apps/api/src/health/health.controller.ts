import { Controller, Get, Res, ServiceUnavailableException } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { HealthCheckService, HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import type { Response } from 'express';
import { LiveRegistry } from '#registry/live-registry.js';
import { LiveVault, vaultView } from '#vault/live-vault.js';
import { WorkerReports } from '../routing/worker-reports.js';
import { StoreProbe } from './store-probe.js';

/** `/health`: the process is up. `/ready`: it can take work. */
@ApiTags('operations')
@Controller()
export class HealthController {
  constructor(
    private readonly checks: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly probe: StoreProbe,
    private readonly registry: LiveRegistry,
    private readonly workers: WorkerReports,
    private readonly vault: LiveVault,
  ) {}

  @Get('health')
  @ApiOperation({ summary: 'The process is up' })
  health(): object {
    return { status: 'ok' };
  }

  @Get('ready')
  @ApiOperation({
    summary: 'Redis answers; the database, the vault and the workers seen are in the body and do not fail it',
  })
  async ready(@Res() response: Response): Promise<void> {
    const result = await this.checks.check([() => this.redis()]).catch((error: unknown) => {
      // Terminus throws the same result that it would have returned when a check fails.
      if (error instanceof ServiceUnavailableException) return error.getResponse() as object;
      throw error;
    });
    const database = await this.probe.database();
    const ready = 'status' in result && result.status === 'ok';
    response.status(ready ? 200 : 503).json({
      ...result,
      database,
      vault: vaultView(this.vault),
      workers_seen: this.workers.seen,
      registry_version: this.registry.current.version,
    });
  }

  private async redis(): Promise<HealthIndicatorResult> {
    const indicator = this.indicators.check('redis');
    return (await this.probe.answers()) ? indicator.up() : indicator.down('Redis does not answer');
  }
}
