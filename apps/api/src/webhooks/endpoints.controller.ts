import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Param,
  Patch,
  Post,
  Query,
  Req,
  Res,
  UseGuards,
} from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { listOf } from '../http/list-of.js';
import { KeyGuard, RequireScope, type AuthenticatedRequest } from '../auth/key.guard.js';
import { clientGone } from '../http/client-gone.js';
import { validateDto } from '../jobs/validate-dto.js';
import { CHANGE_LIMITS } from './change-turns.js';
import { EndpointDesk } from './endpoint-desk.js';
import { EndpointTest } from './endpoint-test.js';
import { EndpointFieldsDto, NewEndpointDto, SecretRotationDto } from './endpoint.dto.js';

const LIMITED = `A project's endpoints can be made, changed, rotated and deleted ${CHANGE_LIMITS.most} times in ${CHANGE_LIMITS.windowS} s; then 429 rate_limit_exceeded, with Retry-After.`;

/** Webhook endpoints of the key's project. A secret is shown by the answer that makes it, once. */
@ApiTags('webhooks')
@ApiBearerAuth()
@Controller('v1/webhook-endpoints')
@UseGuards(KeyGuard)
@RequireScope('jobs')
export class EndpointsController {
  constructor(
    private readonly endpoints: EndpointDesk,
    private readonly tests: EndpointTest,
  ) {}

  @Get()
  @ApiOperation({
    summary: 'Webhook endpoints of the project in order of their ids, a page from the one after `after`',
  })
  async list(@Req() { principal }: AuthenticatedRequest, @Query() query: Record<string, unknown>): Promise<object> {
    return listOf(await this.endpoints.list(principal.project), query);
  }

  @Post()
  @ApiOperation({ summary: 'A new webhook endpoint; `secret` is in this answer and in no other', description: LIMITED })
  @ApiBody({ type: NewEndpointDto })
  async create(
    @Req() { principal }: AuthenticatedRequest,
    @Body() body: unknown,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    const view = await this.endpoints.create(principal.project, validateDto(NewEndpointDto, body));
    response.setHeader('location', `/v1/webhook-endpoints/${view.id}`);
    return showOnce(response, view);
  }

  @Get(':id')
  @ApiOperation({ summary: 'One webhook endpoint' })
  async read(@Req() { principal }: AuthenticatedRequest, @Param('id') id: string): Promise<object> {
    return this.endpoints.read(principal.project, id);
  }

  @Patch(':id')
  @ApiOperation({ summary: 'Change url, events or description; disable it, or enable it again', description: LIMITED })
  @ApiBody({ type: EndpointFieldsDto })
  async patch(
    @Req() { principal }: AuthenticatedRequest,
    @Param('id') id: string,
    @Body() body: unknown,
  ): Promise<object> {
    return this.endpoints.patch(principal.project, id, validateDto(EndpointFieldsDto, body));
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a webhook endpoint; what is on its way to it is given up', description: LIMITED })
  async delete(@Req() { principal }: AuthenticatedRequest, @Param('id') id: string): Promise<void> {
    await this.endpoints.delete(principal.project, id);
  }

  @Post(':id/rotate')
  @HttpCode(200)
  @ApiOperation({
    summary: 'A new `secret`; the one before it signs too for overlap_seconds (a day when absent)',
    description: LIMITED,
  })
  @ApiBody({ type: SecretRotationDto, required: false })
  async rotate(
    @Req() { principal }: AuthenticatedRequest,
    @Param('id') id: string,
    @Body() body: unknown,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    const rotation = validateDto(SecretRotationDto, body ?? {});
    return showOnce(response, await this.endpoints.rotate(principal.project, id, rotation));
  }

  @Post(':id/test')
  @HttpCode(200)
  @ApiOperation({ summary: 'Send it a signed event that tells of nothing; 200 with how that went' })
  async test(
    @Req() { principal }: AuthenticatedRequest,
    @Param('id') id: string,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    return this.tests.run(principal.project, id, clientGone(response));
  }
}

/** What holds a secret is kept by nobody on the way. */
function showOnce(response: Response, view: object): object {
  response.setHeader('cache-control', 'no-store');
  return view;
}
