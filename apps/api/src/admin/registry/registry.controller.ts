import {
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  Patch,
  Post,
  Put,
  Query,
  Req,
  Res,
  UseGuards,
} from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import type { DoneBy } from '#audit/audit-log.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { CONFIG_SCHEMA } from '#platform/config/config-schema.js';
import { REGISTRY_KINDS, REGISTRY_LISTS, type RegistryKind } from '#registry/merge-registry.js';
import { AdminGuard } from '../../auth/admin.guard.js';
import { listView } from '../../http/list-view.js';
import { By } from '../audit/done-by.js';
import { parseList } from '../../http/parse-list.js';
import { definitionOf } from './check-definition.js';
import { RegistryAdmin, type Shown } from './registry-admin.js';
import type { Subject } from './users-of.js';

const PATHS = REGISTRY_KINDS.map((kind) => `admin/v1/${REGISTRY_LISTS[kind]}`);

const { providers, models, aliases } = CONFIG_SCHEMA.properties;
const DEFINITION = { oneOf: [providers.items, models.items, aliases.items] } as unknown as Record<string, unknown>;
const SOME_FIELDS = { type: 'object', description: 'A JSON merge patch: null removes a field.' };

/** Providers, models and aliases: read, and set by an administrator. */
@ApiTags('admin')
@ApiBearerAuth()
@Controller(PATHS)
@UseGuards(AdminGuard)
export class RegistryController {
  constructor(private readonly registry: RegistryAdmin) {}

  @Post()
  @ApiOperation({ summary: 'Set a new one, in the words of the configuration file' })
  @ApiBody({ schema: DEFINITION })
  async create(
    @Req() request: Request,
    @Body() body: unknown,
    @By() by: DoneBy,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    const kind = kindOf(request);
    const shown = await this.registry.create(kind, definitionOf(body), by);
    response.setHeader('location', locationOf({ kind, id: String(shown.view.id) }));
    return answer(shown, response);
  }

  @Get()
  @ApiOperation({ summary: 'All of them, declared and set, in order of their ids' })
  async list(@Req() request: Request, @Query() query: Record<string, unknown>): Promise<object> {
    const { shown, hasMore } = await this.registry.list(kindOf(request), parseList(query));
    const data = shown.map(({ view }) => view);
    return listView(data, { ids: data.map(({ id }) => String(id)), hasMore });
  }

  // Ids of models may hold slashes, raw or encoded.
  @Get('*id')
  @ApiOperation({ summary: 'One of them; its ETag is for If-Match' })
  async read(@Req() request: Request, @Res({ passthrough: true }) response: Response): Promise<object> {
    return answer(await this.registry.read(subjectOf(request)), response);
  }

  @Put('*id')
  @ApiOperation({ summary: 'Set it, new or not; If-Match and If-None-Match: * are honoured' })
  @ApiBody({ schema: DEFINITION })
  async put(
    @Req() request: Request,
    @Body() body: unknown,
    @Headers() headers: Record<string, string | undefined>,
    @By() by: DoneBy,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    const subject = subjectOf(request);
    const { isNew, ...shown } = await this.registry.put(subject, definitionOf(body), {
      ifMatch: headers['if-match'],
      ifNoneMatch: headers['if-none-match'],
      by,
    });
    response.status(isNew ? 201 : 200);
    if (isNew) response.setHeader('location', locationOf(subject));
    return answer(shown, response);
  }

  @Patch('*id')
  @ApiOperation({ summary: 'Change some fields; with If-Match only of the version that was read' })
  @ApiBody({ schema: SOME_FIELDS })
  async patch(
    @Req() request: Request,
    @Body() body: unknown,
    @Headers('if-match') ifMatch: string | undefined,
    @By() by: DoneBy,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    return answer(await this.registry.patch(subjectOf(request), definitionOf(body), { ifMatch, by }), response);
  }

  @Delete('*id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Remove it; refused while something refers to it' })
  async remove(
    @Req() request: Request,
    @Headers('if-match') ifMatch: string | undefined,
    @By() by: DoneBy,
  ): Promise<void> {
    await this.registry.remove(subjectOf(request), { ifMatch, by });
  }
}

/** Which of the three paths it is; Express takes them in any case. */
function kindOf({ path }: Request): RegistryKind {
  const list = path.split('/')[3]?.toLowerCase();
  const kind = REGISTRY_KINDS.find((one) => REGISTRY_LISTS[one] === list);
  if (!kind) throw new TokenhubError('unknown_url', `There is no route ${path}.`);
  return kind;
}

function subjectOf(request: Request): Subject {
  const { id } = request.params as unknown as { id: string[] | string };
  return { kind: kindOf(request), id: Array.isArray(id) ? id.join('/') : id };
}

function locationOf({ kind, id }: Subject): string {
  return `/admin/v1/${REGISTRY_LISTS[kind]}/${encodeURIComponent(id)}`;
}

function answer({ view, etag }: Shown, response: Response): object {
  if (etag !== null) response.setHeader('etag', etag);
  return view;
}
