import { Body, Controller, Get, HttpCode, Inject, Post, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { DoneBy } from '#audit/audit-log.js';
import { AdminGuard } from '../../auth/admin.guard.js';
import { validateDto } from '../../jobs/validate-dto.js';
import { By } from '../audit/done-by.js';
import { VaultAdmin } from './vault-admin.js';
import { InitVaultDto, RotateVaultDto, UnlockVaultDto } from './vault.dto.js';

/** `@Inject(VAULT_VIEW)`: a function that tells how it is with the vault. */
export const VAULT_VIEW = Symbol('vault view');

/** The vault itself: made, opened, locked and rotated. Every answer is how it is with it then. */
@ApiTags('admin')
@ApiBearerAuth()
@Controller('admin/v1/vault')
@UseGuards(AdminGuard)
export class VaultController {
  constructor(
    private readonly vault: VaultAdmin,
    @Inject(VAULT_VIEW) private readonly view: () => Promise<object>,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Whether it is open, who holds its key, and whether secrets can be set at this moment' })
  async read(): Promise<object> {
    return this.view();
  }

  @Post('init')
  @ApiOperation({ summary: 'Make the vault and open it' })
  @ApiBody({ type: InitVaultDto })
  async init(@By() by: DoneBy, @Body() body: unknown): Promise<object> {
    const { mode, password } = validateDto(InitVaultDto, body);
    await this.vault.init({ mode, password: password ?? null }, by);
    return this.view();
  }

  @Post('unlock')
  @HttpCode(200)
  @ApiOperation({ summary: 'Open it for every process, or only its administration where it is open' })
  @ApiBody({ type: UnlockVaultDto, required: false })
  async unlock(@By() by: DoneBy, @Body() body: unknown): Promise<object> {
    const { password } = validateDto(UnlockVaultDto, body ?? {});
    await this.vault.unlock(password ?? null, by);
    return this.view();
  }

  @Post('lock')
  @HttpCode(200)
  @ApiOperation({ summary: 'Drop its key in every process; jobs that need a secret of it wait' })
  async lock(@By() by: DoneBy): Promise<object> {
    await this.vault.lock(by);
    return this.view();
  }

  @Post('rotate')
  @HttpCode(200)
  @ApiOperation({ summary: 'A new password, a new data key, or a new encryption key, without an interruption' })
  @ApiBody({ type: RotateVaultDto })
  async rotate(@By() by: DoneBy, @Body() body: unknown): Promise<object> {
    await this.vault.rotate(validateDto(RotateVaultDto, body), by);
    return this.view();
  }
}
