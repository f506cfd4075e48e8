import { isDatabaseUnavailable } from '#database/connect-database.js';

/** True for what no repetition mends: the values themselves are at fault (SQLSTATE 22 and 23). */
export function isDataError(error: unknown): boolean {
  return /^2[23]\w{3}$/.test(stateOf(error));
}

/**
 * True for what may be the fault of one entry: not when the database is away, nor when all of them would fail, because of tables, rights
 * or the login (42, 28, 3D, 3F), nor for what another try gets past (40, 55).
 */
export function mayBeOwnFault(error: unknown): boolean {
  return !isDatabaseUnavailable(error) && !/^(42|28|3D|3F|40|55)\w{3}$/.test(stateOf(error));
}

function stateOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}
