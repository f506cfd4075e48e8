import { Body, Controller, HttpCode, Post, Req, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import { KeyGuard, RequireScope, type AuthenticatedRequest } from '../auth/key.guard.js';
import { newJobId } from '../jobs/job-id.js';
import { RouteRequestDto } from '../jobs/job-request.dto.js';
import { decisionView } from '#jobs/job-view.js';
import { parseWork } from '../jobs/parse-job-request.js';
import { validateDto } from '../jobs/validate-dto.js';
import { RoutePlanner } from './route-planner.js';

/** The decision that a job would get now; calls no provider and writes nothing. */
@ApiTags('jobs')
@ApiBearerAuth()
@Controller('v1/route')
@UseGuards(KeyGuard)
@RequireScope('jobs')
export class RouteController {
  constructor(private readonly planner: RoutePlanner) {}

  @Post('explain')
  @HttpCode(200)
  @ApiOperation({ summary: 'Explain the routing decision that such a job would get now' })
  @ApiBody({ type: RouteRequestDto })
  async explain(@Req() { principal }: AuthenticatedRequest, @Body() body: unknown): Promise<object> {
    const work = parseWork(validateDto(RouteRequestDto, body, { opaque: ['request'] }));
    return decisionView(await this.planner.explain({ ...work, principal, jobId: newJobId() }));
  }
}
