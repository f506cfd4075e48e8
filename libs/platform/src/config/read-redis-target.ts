import { ConfigError } from './config-error.js';
import type { RedisAccess, RedisNode, RedisTarget } from './config.js';
import { readVariable, type Environment } from './environment.js';

const DEFAULT_URL = 'redis://127.0.0.1:6379';
const SENTINELS = 'TOKENHUB_REDIS_SENTINELS';
const CLUSTER = 'TOKENHUB_REDIS_CLUSTER';

/**
 * Where Redis is: `TOKENHUB_REDIS_SENTINELS` (`h1:26379,h2:26379/mymaster`), `TOKENHUB_REDIS_CLUSTER` (`h1:6379,h2:6379`), else the
 * URL. With Sentinel or Cluster the URL, if there is one, gives user, password, database and TLS. Throws a ConfigError; it never repeats
 * the URL, which may hold a password.
 */
export function readRedisTarget(env: Environment): RedisTarget {
  const variable = readVariable(env, 'TOKENHUB_REDIS_URL') === undefined ? 'REDIS_URL' : 'TOKENHUB_REDIS_URL';
  const given = readVariable(env, variable);
  const url = parseUrl(variable, given ?? DEFAULT_URL);
  const sentinels = readVariable(env, SENTINELS);
  const cluster = readVariable(env, CLUSTER);
  if (sentinels !== undefined && cluster !== undefined)
    throw new ConfigError(CLUSTER, `cannot be set together with ${SENTINELS}`);
  if (sentinels !== undefined) {
    return { kind: 'sentinel', ...parseSentinels(sentinels), access: accessOf(url) };
  }
  if (cluster !== undefined) {
    const access = accessOf(url);
    if (access.db !== undefined)
      throw new ConfigError(variable, 'must not choose a database with a cluster, which has only one');
    return { kind: 'cluster', nodes: parseNodes(CLUSTER, cluster, 6379), access };
  }
  return { kind: 'single', url: given ?? DEFAULT_URL };
}

function parseUrl(variable: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['redis:', 'rediss:'].includes(url.protocol) || url.hostname === '') {
    throw new ConfigError(variable, 'must be a redis:// or rediss:// URL');
  }
  if (!/^\/?\d*$/.test(url.pathname))
    throw new ConfigError(variable, 'must have a database number, or nothing, as its path');
  return url;
}

function accessOf(url: URL): RedisAccess {
  const db = Number(url.pathname.slice(1));
  return {
    ...(url.username !== '' && { username: decodeURIComponent(url.username) }),
    ...(url.password !== '' && { password: decodeURIComponent(url.password) }),
    ...(db > 0 && { db }),
    ...(url.protocol === 'rediss:' && { tls: {} }),
  };
}

function parseSentinels(text: string): { sentinels: RedisNode[]; name: string } {
  const [nodes = '', name = '', ...rest] = text.split('/');
  if (!/^[\w.-]+$/.test(name) || rest.length > 0) {
    throw new ConfigError(SENTINELS, "must be host:port,host:port/name, the name being the master's");
  }
  return { sentinels: parseNodes(SENTINELS, nodes, 26_379), name };
}

function parseNodes(variable: string, text: string, defaultPort: number): RedisNode[] {
  return text.split(',').map((part) => {
    const match = /^(?<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?<port>\d{1,5}))?$/.exec(part.trim());
    const port = Number(match?.groups?.port ?? defaultPort);
    if (!match?.groups?.host || port < 1 || port > 65_535) {
      throw new ConfigError(variable, 'must be a comma-separated list of host:port');
    }
    return { host: match.groups.host.replace(/^\[|\]$/g, ''), port };
  });
}
