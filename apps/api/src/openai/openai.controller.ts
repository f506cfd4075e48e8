import { Controller, Get, Post, Req, Res, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { KeyGuard, RequireScope, type AuthenticatedRequest } from '../auth/key.guard.js';
import { ModelList } from './model-list.js';
import { SynchronousAnswer } from './synchronous-answer.js';

/** OpenAI's routes, for its official SDKs; each request is a job. */
@ApiTags('openai')
@ApiBearerAuth()
@Controller('v1')
@UseGuards(KeyGuard)
export class OpenAiController {
  constructor(
    private readonly synchronous: SynchronousAnswer,
    private readonly models: ModelList,
  ) {}

  @Post('chat/completions')
  @RequireScope('chat')
  @ApiOperation({ summary: 'Chat completion, plain or streamed' })
  @ApiBody({ schema: { type: 'object', required: ['messages'] } })
  async chat(@Req() request: AuthenticatedRequest, @Res() response: Response): Promise<void> {
    await this.synchronous.answer('chat', request, response);
  }

  @Post('completions')
  @RequireScope('chat')
  @ApiOperation({ summary: 'Legacy completion, plain or streamed' })
  @ApiBody({ schema: { type: 'object', required: ['prompt'] } })
  async completion(@Req() request: AuthenticatedRequest, @Res() response: Response): Promise<void> {
    await this.synchronous.answer('completion', request, response);
  }

  @Post('embeddings')
  @RequireScope('embeddings')
  @ApiOperation({ summary: 'Embeddings' })
  @ApiBody({ schema: { type: 'object', required: ['input'] } })
  async embedding(@Req() request: AuthenticatedRequest, @Res() response: Response): Promise<void> {
    await this.synchronous.answer('embedding', request, response);
  }

  @Get('models')
  @RequireScope('models')
  @ApiOperation({ summary: 'Models and aliases that a request may name' })
  listModels(@Req() { principal }: AuthenticatedRequest): object {
    return this.models.list(principal);
  }

  // Model ids may hold slashes, raw or encoded.
  @Get('models/*id')
  @RequireScope('models')
  @ApiOperation({ summary: 'One model or alias' })
  readModel(@Req() request: AuthenticatedRequest): object {
    const { id } = request.params as unknown as { id: string[] | string };
    return this.models.read(Array.isArray(id) ? id.join('/') : id, request.principal);
  }
}
