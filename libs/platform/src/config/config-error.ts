/** A configuration value that stops the process: the message is one line that names it, says what is allowed, and holds no secret. */
export class ConfigError extends Error {
  /** The path in the file (`providers[0].base_url`), or the variable's name, that is wrong. */
  readonly where: string;

  constructor(where: string, problem: string) {
    super(`${where}: ${problem}`.replace(/\s+/g, ' '));
    this.name = 'ConfigError';
    this.where = where;
  }
}
