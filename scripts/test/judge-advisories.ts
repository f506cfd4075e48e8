/** What `npm audit` says of a dependency, as far as it is judged. */
interface Vulnerability {
  name: string;
  severity: string;
  range?: string;
}

export interface Judgement {
  outcome: 'ok' | 'failed' | 'not checked';
  /** For people, one finding a line. */
  lines: string[];
}

/** From which on a release waits. */
const GRAVE = new Set(['high', 'critical']);

/** What stands between the registry and us. */
const UNREACHABLE = new Set([
  ...['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'],
  ...['ERR_SOCKET_TIMEOUT', 'ENOAUDIT'],
]);

/**
 * Judges the JSON of `npm audit`: `failed` where a dependency has a high or critical advisory, `not checked` where the registry did not
 * say. Anything else that is no report is `failed`, so that a broken check is seen.
 */
export function judgeAdvisories(output: string): Judgement {
  const report = parsed(output);
  if (report === null) return { outcome: 'failed', lines: [`npm audit gave no JSON: ${output.slice(0, 200)}`] };
  const { vulnerabilities } = report;
  if (typeof vulnerabilities === 'object' && vulnerabilities !== null) {
    const grave = Object.values(vulnerabilities as Record<string, Vulnerability>).filter(({ severity }) =>
      GRAVE.has(severity),
    );
    const lines = grave.map(({ name, severity, range = '' }) => `${severity}: ${name} ${range}`.trim());
    return { outcome: grave.length > 0 ? 'failed' : 'ok', lines };
  }
  const reason = unreachable(report);
  if (reason === null)
    return { outcome: 'failed', lines: [`npm audit failed: ${JSON.stringify(report).slice(0, 400)}`] };
  return { outcome: 'not checked', lines: [`The registry's advisories cannot be had here: ${reason}`] };
}

function parsed(output: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(output);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** True where there is no such service, or it cannot answer now; any other status says that we ask in the wrong way. */
function tellsNothing(statusCode: number): boolean {
  return [404, 405, 429].includes(statusCode) || statusCode >= 500;
}

/** The registry's refusal, or the network's; null for what is a fault of ours, such as a missing lock file. */
function unreachable({ statusCode, message, error }: Record<string, unknown>): string | null {
  if (typeof statusCode === 'number') return tellsNothing(statusCode) ? `it answers ${statusCode}` : null;
  const { code, summary } = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>;
  if (typeof code === 'string' && UNREACHABLE.has(code)) return code;
  const text = [message, summary].find((one): one is string => typeof one === 'string') ?? '';
  return [...UNREACHABLE].find((known) => text.includes(known)) ?? null;
}
