import { Controller, Post, Req, Res, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { KeyGuard, RequireScope, type AuthenticatedRequest } from '../auth/key.guard.js';
import { EnvelopeAnswer } from './envelope-answer.js';
import { adversarialView, envelopeView } from './envelope-view.js';
import { AdversarialDto, EnvelopeDto } from './envelope.dto.js';
import { parseAdversarial, parseEnvelope } from './parse-envelope.js';

/** The original product's own calls; each request is a job. */
@ApiTags('original')
@ApiBearerAuth()
@Controller('v1')
@UseGuards(KeyGuard)
@RequireScope('chat')
export class EnvelopesController {
  constructor(private readonly envelopes: EnvelopeAnswer) {}

  @Post('chat')
  @ApiOperation({ summary: 'A chat, or an orchestration, in the envelope of the original product' })
  @ApiBody({ type: EnvelopeDto })
  async chat(@Req() request: AuthenticatedRequest, @Res() response: Response): Promise<void> {
    const work = parseEnvelope(request.body, 'chat', request.principal.policy);
    await this.envelopes.answer(request, response, { work, route: 'envelope-chat', view: envelopeView });
  }

  @Post('plan')
  @ApiOperation({ summary: 'An orchestration, planning by default, in the envelope of the original product' })
  @ApiBody({ type: EnvelopeDto })
  async plan(@Req() request: AuthenticatedRequest, @Res() response: Response): Promise<void> {
    const work = parseEnvelope(request.body, 'plan', request.principal.policy);
    await this.envelopes.answer(request, response, { work, route: 'envelope-plan', view: envelopeView });
  }

  @Post('adversarial')
  @ApiOperation({ summary: 'One model plans, another criticises, the first refines' })
  @ApiBody({ type: AdversarialDto })
  async adversarial(@Req() request: AuthenticatedRequest, @Res() response: Response): Promise<void> {
    const work = parseAdversarial(request.body, request.principal.policy);
    await this.envelopes.answer(request, response, { work, route: 'adversarial', view: adversarialView });
  }
}
