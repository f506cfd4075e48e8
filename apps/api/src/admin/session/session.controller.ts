import { Body, Controller, Delete, Get, HttpCode, Post, Req, Res, UseGuards } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { AdminGuard } from '../../auth/admin.guard.js';
import type { AdminSession } from '../../auth/admin-sessions.js';
import { isOwnOrigin } from '../../auth/own-origin.js';
import { clearSessionCookie, sessionIdOf, setSessionCookie } from '../../auth/session-cookie.js';
import { requestIdOf } from '../../http/request-id.js';
import { validateDto } from '../../jobs/validate-dto.js';
import { SignInDto } from './session.dto.js';
import { SignIn, type Visitor } from './sign-in.js';

/** The session of the admin page: for browsers, which get it as a cookie. Programs send the token as Bearer instead. */
@ApiTags('admin')
@Controller('admin/v1/session')
export class SessionController {
  constructor(private readonly signIn: SignIn) {}

  @Post()
  @ApiOperation({ summary: 'Sign in with the admin token: a cookie, and the `csrf_token` that goes with each change' })
  @ApiBody({ type: SignInDto })
  async open(
    @Body() body: unknown,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    if (isOwnOrigin(request.headers) === false) {
      throw new TokenhubError('csrf_refused', 'A page of another origin cannot sign in here.');
    }
    const { token } = validateDto(SignInDto, body);
    const { id, session } = await this.signIn.open(token, visitorOf(request, response));
    setSessionCookie(request, response, id);
    return sessionView(session);
  }

  @Get()
  @ApiOperation({ summary: 'The session of this browser; its state is none when it has none' })
  async read(@Req() request: Request, @Res({ passthrough: true }) response: Response): Promise<object> {
    return sessionView(await this.signIn.current(visitorOf(request, response)));
  }

  @Delete()
  @UseGuards(AdminGuard)
  @HttpCode(204)
  @ApiOperation({ summary: 'Sign out: the session ends for every process at once' })
  async close(@Req() request: Request, @Res({ passthrough: true }) response: Response): Promise<void> {
    await this.signIn.close(visitorOf(request, response));
    clearSessionCookie(response);
  }
}

function visitorOf(request: Request, response: Response): Visitor {
  return { address: request.ip ?? '', requestId: requestIdOf(response), sessionId: sessionIdOf(request) };
}

function sessionView(session: AdminSession | null): object {
  if (session === null) return { object: 'session', state: 'none' };
  return {
    ...{ object: 'session', state: 'open', csrf_token: session.csrfToken },
    opened_at: new Date(session.openedAtMs).toISOString(),
    ends_at: new Date(session.endsAtMs).toISOString(),
  };
}
