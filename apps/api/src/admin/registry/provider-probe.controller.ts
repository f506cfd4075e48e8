import { Controller, HttpCode, Param, Post, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { AuditLog, type DoneBy } from '#audit/audit-log.js';
import type { PublicError } from '#contracts/attempt.js';
import { AdminGuard } from '../../auth/admin.guard.js';
import { By } from '../audit/done-by.js';
import { ProviderProbe, type ProbeResult } from './provider-probe.js';

/** Questions to a provider itself. */
@ApiTags('admin')
@ApiBearerAuth()
@Controller('admin/v1/providers')
@UseGuards(AdminGuard)
export class ProviderProbeController {
  constructor(
    private readonly probe: ProviderProbe,
    private readonly audit: AuditLog,
  ) {}

  @Post(':id/discover')
  @HttpCode(200)
  @ApiOperation({ summary: 'Read the provider’s list of models, and how each could be set; writes nothing' })
  async discover(@Param('id') id: string, @By() by: DoneBy): Promise<object> {
    const entry = { ...by, action: 'provider.discovered', target: id, before: null, after: null };
    return { object: 'list', provider: id, data: await this.audit.around(entry, () => this.probe.discover(id)) };
  }

  @Post(':id/test')
  @HttpCode(200)
  @ApiOperation({ summary: 'One call for one token to the cheapest enabled model' })
  async test(@Param('id') id: string, @By() by: DoneBy): Promise<object> {
    const entry = { ...by, action: 'provider.tested', target: id, before: null, after: null };
    const { model, results } = await this.audit.around(entry, () => this.probe.test(id));
    const failed = results.find(({ ok }) => !ok);
    return {
      ...{ object: 'provider_test', provider: id, model, ok: !failed },
      latency_ms: Math.max(...results.map(({ latencyMs }) => latencyMs)),
      error: errorView(failed?.error ?? null),
      endpoints: results.map(resultView),
    };
  }
}

function resultView({ endpoint, ok, latencyMs, error }: ProbeResult): object {
  return { endpoint, ok, latency_ms: latencyMs, error: errorView(error) };
}

function errorView(error: PublicError | null): object | null {
  if (error === null) return null;
  const { code, message, providerStatus } = error;
  return { class: error.class, code, message, provider_status: providerStatus };
}
