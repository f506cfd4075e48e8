import {
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  Param,
  Post,
  Query,
  Req,
  Res,
  UseGuards,
} from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { isTerminal, type JobState } from '#contracts/job-state.js';
import { EventReader } from '#jobs/event-reader.js';
import { JobStore } from '#jobs/job-store.js';
import { EndWaiter } from '#jobs/wait-for-end.js';
import { KeyGuard, RequireScope, type AuthenticatedRequest } from '../auth/key.guard.js';
import { ClientGone, clientGone } from '../http/client-gone.js';
import { parsePrefer, parseWait } from '../http/prefer.js';
import { showLimits } from '../http/rate-limit-headers.js';
import { eventMessage, EventStream } from './event-stream.js';
import { idempotencyOf, parseIdempotencyKey } from './idempotency.js';
import { cancelJob, requireErased } from './end-job.js';
import { JobAccess } from './job-access.js';
import { errorOfJob } from './job-error.js';
import { JobRequestDto } from './job-request.dto.js';
import { JobSubmission } from './job-submission.js';
import { urlsOf } from '#jobs/job-view.js';
import { pageView } from './page-view.js';
import { parsePage, parseStartingAfter } from './parse-page.js';
import { parseJobRequest } from './parse-job-request.js';

/** When a client that polls should come back. */
const POLL_AFTER_S = '1';

/** Jobs: posted, read, waited for, followed, cancelled, retried, erased. */
@ApiTags('jobs')
@ApiBearerAuth()
@Controller('v1/jobs')
@UseGuards(KeyGuard)
@RequireScope('jobs')
export class JobsController {
  constructor(
    private readonly submission: JobSubmission,
    private readonly access: JobAccess,
    private readonly store: JobStore,
    private readonly waiter: EndWaiter,
    private readonly events: EventReader,
  ) {}

  @Post()
  @ApiOperation({ summary: 'Post a job; with Prefer: wait=N its end is waited for' })
  @ApiBody({ type: JobRequestDto })
  async create(@Req() request: AuthenticatedRequest, @Body() body: unknown, @Res() response: Response): Promise<void> {
    const key = parseIdempotencyKey(request.headers['idempotency-key']);
    const { waitS } = parsePrefer(request.headers.prefer);
    const { principal } = request;
    const parsed = parseJobRequest(body, Date.now(), principal.policy);
    const idempotency = idempotencyOf(key, { project: principal.project, route: 'jobs', body });
    const created =
      (await this.submission.findReplay(idempotency, principal)) ??
      (await this.submission.create(
        await this.submission.plan({ ...parsed, principal, delivery: 'later', idempotency }),
      ));
    showLimits(response, created.levels);
    if (created.replayed) response.setHeader('idempotent-replayed', 'true');
    response.setHeader('vary', 'Prefer');
    if (waitS !== null) {
      response.setHeader('preference-applied', `wait=${waitS}`);
      await this.waiter
        .waitForEnd(created.jobId, { timeoutMs: waitS * 1_000, signal: clientGone(response) })
        .catch(ignoreGone);
    }
    const record = await this.access.read(principal, created.jobId);
    response.setHeader('location', urlsOf(record.id).self);
    const done = waitS !== null && isTerminal(record.state);
    if (!done) response.setHeader('retry-after', POLL_AFTER_S);
    response.status(done ? 200 : 202).json(await this.access.view(record));
  }

  @Get()
  @ApiOperation({
    summary:
      'Jobs of the project, newest first; by state, type, model, key, created_after, created_before and metadata[…]. ' +
      'A page may be short, even empty, with has_more: go on after last_id',
  })
  async list(@Req() request: AuthenticatedRequest, @Query() query: Record<string, unknown>): Promise<object> {
    const page = await this.access.list(request.principal, parsePage(query));
    return pageView(page, (record) => this.access.view(record));
  }

  @Get(':id')
  @ApiOperation({ summary: 'One job; ?wait=N waits for its end' })
  async read(
    @Req() request: AuthenticatedRequest,
    @Param('id') id: string,
    @Query('wait') wait: unknown,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    const waitS = parseWait(wait);
    if (waitS !== null && !isTerminal(await this.access.look(request.principal, id))) {
      await this.waiter.waitForEnd(id, { timeoutMs: waitS * 1_000, signal: clientGone(response) }).catch(ignoreGone);
    }
    return this.access.view(await this.access.read(request.principal, id));
  }

  @Get(':id/result')
  @ApiOperation({ summary: 'Only the result' })
  async result(
    @Req() request: AuthenticatedRequest,
    @Param('id') id: string,
    @Res() response: Response,
  ): Promise<void> {
    const record = await this.access.read(request.principal, id);
    if (!isTerminal(record.state)) {
      response.setHeader('retry-after', POLL_AFTER_S);
      response.status(202).json({ id: record.id, object: 'job', state: record.state, urls: urlsOf(record.id) });
      return;
    }
    if (record.error !== null) throw errorOfJob(record.id, record.error);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(record.result);
  }

  @Get(':id/events')
  @ApiOperation({ summary: "The job's events as server-sent events, from any sequence number" })
  async follow(
    @Req() request: AuthenticatedRequest,
    @Param('id') id: string,
    @Query('starting_after') startingAfter: unknown,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() response: Response,
  ): Promise<void> {
    const after = parseStartingAfter(lastEventId ?? startingAfter);
    const ended = isTerminal(await this.access.look(request.principal, id));
    const signal = clientGone(response);
    const stream = new EventStream(response);
    const events = this.events.read(id, { after, signal });
    try {
      let next = ended ? await events.next() : null;
      if (next?.done) {
        // Tells an EventSource that has seen the end not to come back.
        response.status(204).end();
        return;
      }
      stream.open();
      const job = async (): Promise<Record<string, unknown>> =>
        this.access.view(await this.access.read(request.principal, id));
      for (next ??= await events.next(); !next.done; next = await events.next()) {
        await stream.send(await eventMessage(next.value, job), signal);
      }
      stream.close();
    } catch (error) {
      stream.stopKeepalive();
      ignoreGone(error);
    } finally {
      await events.return();
    }
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @ApiOperation({ summary: 'Cancel: at once while queued, else the running call is dropped' })
  async cancel(@Req() request: AuthenticatedRequest, @Param('id') id: string): Promise<object> {
    const { principal } = request;
    await this.access.look(principal, id);
    const stateNow = (): Promise<JobState> => this.access.look(principal, id);
    await cancelJob(id, { store: this.store, stateNow });
    return this.access.view(await this.access.read(principal, id));
  }

  @Post(':id/retry')
  @HttpCode(202)
  @ApiOperation({
    summary: 'A new job that goes on where this one failed or expired; finished steps are not run again',
  })
  async retry(
    @Req() { principal }: AuthenticatedRequest,
    @Param('id') id: string,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    const failed = await this.access.read(principal, id);
    const created = await this.submission.create(await this.submission.planRetry(failed, principal));
    showLimits(response, created.levels);
    response.setHeader('location', urlsOf(created.jobId).self);
    response.setHeader('retry-after', POLL_AFTER_S);
    return this.access.view(await this.access.read(principal, created.jobId));
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Erase a finished job' })
  async delete(@Req() request: AuthenticatedRequest, @Param('id') id: string): Promise<void> {
    await this.access.look(request.principal, id);
    requireErased(await this.access.erase(request.principal, id), id);
  }
}

/** A client that went away needs no answer. */
function ignoreGone(error: unknown): null {
  if (error instanceof ClientGone) return null;
  throw error;
}
