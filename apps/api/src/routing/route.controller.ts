import { Body, Controller, HttpCode, Post, Req, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { StepNode } from '#contracts/orchestration.js';
import { KeyGuard, RequireScope, type AuthenticatedRequest } from '../auth/key.guard.js';
import { newJobId } from '../jobs/job-id.js';
import { OPAQUE_ROUTE_FIELDS, RouteRequestDto } from '../jobs/job-request.dto.js';
import { decisionView } from '#jobs/job-view.js';
import { parseWork } from '../jobs/parse-job-request.js';
import { validateDto } from '../jobs/validate-dto.js';
import { routeOf } from '#orchestration/route-of.js';
import { CHAT_STEPS, stepsOf } from '#orchestration/steps-of.js';
import { RoutePlanner } from '#planner/route-planner.js';

const [ANSWER] = CHAT_STEPS as [StepNode];

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
  @ApiOperation({
    summary: 'Explain the routing decision that such a job would get now; of an orchestration, its first call',
  })
  @ApiBody({ type: RouteRequestDto })
  async explain(@Req() { principal }: AuthenticatedRequest, @Body() body: unknown): Promise<object> {
    const work = parseWork(validateDto(RouteRequestDto, body, { opaque: OPAQUE_ROUTE_FIELDS }), {
      policy: principal.policy,
    });
    const [first = ANSWER] = work.orchestration ? stepsOf(work.orchestration) : [];
    const { model, policy } = routeOf(work, first, work.body);
    const call = { kind: work.kind, body: { ...work.body, model }, policy };
    return decisionView(await this.planner.explain({ ...call, principal, jobId: newJobId() }));
  }
}
