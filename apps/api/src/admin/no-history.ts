import { TokenhubError } from '#contracts/error-catalogue.js';

/** The error of whoever asks for what only a history knows, where none is kept. */
export function noHistory(): TokenhubError {
  return new TokenhubError('history_missing', 'Usage is kept in a database: set TOKENHUB_DATABASE_URL.');
}
