/** What kind of fault it is: something is missing, is not known, is of another type, refers to nothing, or has a value that is not allowed. */
export type ConfigFault = 'missing' | 'unknown' | 'type' | 'reference' | 'value';

/** A configuration value that stops the process: the message is one line that names it, says what is allowed, and holds no secret. */
export class ConfigError extends Error {
  /** What is wrong with it, without its name. */
  readonly problem: string;

  /** `where`: the path in the file (`providers[0].base_url`), or the variable's name, that is wrong. */
  constructor(
    readonly where: string,
    problem: string,
    readonly fault: ConfigFault = 'value',
  ) {
    super(`${where}: ${problem}`.replace(/\s+/g, ' '));
    this.name = 'ConfigError';
    this.problem = problem.replace(/\s+/g, ' ');
  }
}
