import type { IncomingHttpHeaders } from 'node:http';
import {
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  Param,
  Post,
  Put,
  Query,
  Res,
  UseGuards,
} from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import type { DoneBy } from '#audit/audit-log.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { etagOf } from '#settings/etag.js';
import type { StoredSecret } from '#vault/secret-store.js';
import { AdminGuard } from '../../auth/admin.guard.js';
import { validateDto } from '../../jobs/validate-dto.js';
import { listView } from '../../http/list-view.js';
import { parseList } from '../../http/parse-list.js';
import { By } from '../audit/done-by.js';
import { SecretAdmin } from './secret-admin.js';
import { NewSecretDto, SecretValueDto } from './vault.dto.js';

/** Secrets that providers and webhooks refer to with `source: escrow`. Their values are in no answer. */
@ApiTags('admin')
@ApiBearerAuth()
@Controller('admin/v1/vault/secrets')
@UseGuards(AdminGuard)
export class VaultSecretsController {
  constructor(private readonly secrets: SecretAdmin) {}

  @Get()
  @ApiOperation({ summary: 'Names in order, a page from the one after `after`; it needs no open vault' })
  async list(@Query() query: Record<string, unknown>): Promise<object> {
    const { secrets, hasMore } = await this.secrets.list(parseList(query));
    return listView(secrets.map(viewOf), { ids: secrets.map(({ name }) => name), hasMore });
  }

  @Post()
  @ApiOperation({ summary: 'Set a new one' })
  @ApiBody({ type: NewSecretDto })
  async create(
    @By() by: DoneBy,
    @Body() body: unknown,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    const { name, value } = validateDto(NewSecretDto, body);
    const { secret } = await this.secrets.set(name, value, { ifNoneMatch: '*', by }).catch(asExisting);
    response.setHeader('location', `/admin/v1/vault/secrets/${name}`);
    return shown(secret, response);
  }

  @Get(':name')
  @ApiOperation({ summary: 'When it was set; its ETag is for If-Match' })
  async read(@Param('name') name: string, @Res({ passthrough: true }) response: Response): Promise<object> {
    return shown(await this.secrets.read(name), response);
  }

  @Put(':name')
  @ApiOperation({ summary: 'Set it, new or not; If-Match and If-None-Match: * are honoured' })
  @ApiBody({ type: SecretValueDto })
  async put(
    @Param('name') name: string,
    @Headers() headers: IncomingHttpHeaders,
    @By() by: DoneBy,
    @Body() body: unknown,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    const { value } = validateDto(SecretValueDto, body);
    const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = headers;
    const { secret, isNew } = await this.secrets.set(name, value, { ifMatch, ifNoneMatch, by });
    response.status(isNew ? 201 : 200);
    return shown(secret, response);
  }

  @Delete(':name')
  @HttpCode(204)
  @ApiOperation({ summary: 'Remove it; refused while a provider or a webhook refers to it' })
  async remove(
    @Param('name') name: string,
    @By() by: DoneBy,
    @Headers('if-match') ifMatch: string | undefined,
  ): Promise<void> {
    await this.secrets.remove(name, { ifMatch, by });
  }
}

function shown(secret: StoredSecret, response: Response): object {
  response.setHeader('etag', etagOf(secret.version));
  return viewOf(secret);
}

function viewOf({ name, createdMs, updatedMs }: StoredSecret): object {
  const [created_at, updated_at] = [createdMs, updatedMs].map((ms) => new Date(ms).toISOString());
  return { object: 'vault_secret', name, created_at, updated_at };
}

/** A POST is for what is new. */
function asExisting(error: unknown): never {
  if (!(error instanceof TokenhubError && error.code === 'precondition_failed')) throw error;
  throw new TokenhubError('already_exists', error.message, { param: 'name', cause: error });
}
