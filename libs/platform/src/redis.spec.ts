import { describe, expect, it } from '@jest/globals';
import { isStoreUnavailable } from './redis.js';

const named = (name: string, message = ''): Error => Object.assign(new Error(message), { name });
const coded = (code: string): Error => Object.assign(new Error(''), { code });

describe('away', () => {
  it.each<[Error]>([
    [new Error("Stream isn't writeable and enableOfflineQueue options is false")],
    [new Error('Connection is closed.')],
    [new Error('Command timed out')],
    [new Error('Socket timeout. Expecting data, but didn’t receive any in 1000ms.')],
    [
      new Error(
        'Reached the max retries per request limit (which is 0). Refer to "maxRetriesPerRequest" option for details.',
      ),
    ],
    [named('MaxRetriesPerRequestError')],
    [new Error('LOADING Redis is loading the dataset in memory')],
    [new Error('CLUSTERDOWN The cluster is down')],
    [new Error("READONLY You can't write against a read only replica.")],
    [new Error("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.")],
    [new Error("OOM command not allowed when used memory > 'maxmemory'. script: 0123, on @user_script:12.")],
    [new Error('MISCONF Errors writing to the AOF file: No space left on device')],
    [new Error('NOREPLICAS Not enough good replicas to write.')],
    [coded('ECONNREFUSED')],
    [coded('ECONNRESET')],
    [coded('EPIPE')],
    [coded('ETIMEDOUT')],
    [coded('ENOTFOUND')],
    [coded('EAI_AGAIN')],
    [Object.assign(new AggregateError([coded('ECONNREFUSED')]), { code: 'ECONNREFUSED' })],
  ])('%s', (error) => expect(isStoreUnavailable(error)).toBe(true));
});

describe('not away, but wrong', () => {
  it.each<[unknown]>([
    [new Error('WRONGTYPE Operation against a key holding the wrong kind of value')],
    [new Error('ERR value is not an integer or out of range')],
    [new Error('ERR Error running script: @user_script:3: attempt to index a nil value')],
    [new Error('NOAUTH Authentication required.')],
    [new TypeError('x is not a function')],
    [coded('ENOENT')],
    [coded('EADDRINUSE')],
    [new Error('')],
    ['Connection is closed.'],
    [{ message: 'Connection is closed.', code: 'ECONNREFUSED' }],
    [null],
    [undefined],
  ])('%s', (error) => expect(isStoreUnavailable(error)).toBe(false));
});
