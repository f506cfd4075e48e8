import { Body, Controller, Get, HttpCode, Post, Req, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Request } from 'express';
import type { DoneBy } from '#audit/audit-log.js';
import { AdminGuard } from '../../auth/admin.guard.js';
import { validateDto } from '../../jobs/validate-dto.js';
import { By } from '../audit/done-by.js';
import { PauseDto } from './pause.dto.js';
import { PoolAdmin } from './pool-admin.js';
import { poolView } from './pool-view.js';

/** Pools: watched, paused and resumed. Their ids hold a slash where a model has limits of its own. */
@ApiTags('admin')
@ApiBearerAuth()
@Controller('admin/v1/pools')
@UseGuards(AdminGuard)
export class PoolsController {
  constructor(private readonly pools: PoolAdmin) {}

  @Get()
  @ApiOperation({
    summary: 'Every pool: what waits and runs in it, its limits and how far they are used, pauses, health, workers',
  })
  async list(): Promise<object> {
    const standings = await this.pools.list();
    const now = Date.now();
    return { object: 'list', data: standings.map((standing) => poolView(standing, now)) };
  }

  @Get('*id')
  @ApiOperation({ summary: 'One pool' })
  async read(@Req() request: Request): Promise<object> {
    return poolView(await this.pools.read(idOf(request)), Date.now());
  }

  @Post('*id/pause')
  @HttpCode(200)
  @ApiOperation({ summary: 'Take nothing more from its queue until resumed, or for_seconds; calls under way end' })
  @ApiBody({ type: PauseDto, required: false })
  async pause(@Req() request: Request, @Body() body: unknown, @By() by: DoneBy): Promise<object> {
    const { for_seconds: forS, reason } = validateDto(PauseDto, body ?? {});
    const untilMs = forS == null ? null : Date.now() + forS * 1_000;
    return poolView(await this.pools.pause(idOf(request), { untilMs, reason: reason ?? null, by }), Date.now());
  }

  @Post('*id/resume')
  @HttpCode(200)
  @ApiOperation({ summary: 'End an administrator’s pause; one that its provider asked for stays' })
  async resume(@Req() request: Request, @By() by: DoneBy): Promise<object> {
    return poolView(await this.pools.resume(idOf(request), by), Date.now());
  }
}

function idOf(request: Request): string {
  const { id } = request.params as unknown as { id: string[] | string };
  return Array.isArray(id) ? id.join('/') : id;
}
