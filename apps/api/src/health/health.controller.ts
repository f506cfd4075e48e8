import { Controller, Get, Inject, Res, ServiceUnavailableException } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { HealthCheckService, HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import type { Response } from 'express';
import { StoreProbe } from './store-probe.js';

/** `@Inject(READY_FACTS)`: a function that gives what else `/ready` tells. */
export const READY_FACTS = Symbol('ready facts');

/** `/health`: the process is up. `/ready`: it can take work. */
@ApiTags('operations')
@Controller()
export class HealthController {
  constructor(
    private readonly checks: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly probe: StoreProbe,
    @Inject(READY_FACTS) private readonly facts: () => object,
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
    response.status(ready ? 200 : 503).json({ ...result, database, ...this.facts() });
  }

  private async redis(): Promise<HealthIndicatorResult> {
    const indicator = this.indicators.check('redis');
    return (await this.probe.answers()) ? indicator.up() : indicator.down('Redis does not answer');
  }
}
