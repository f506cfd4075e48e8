import { EventEmitter } from 'node:events';
import { beforeEach, expect, it, jest } from '@jest/globals';
import { channels } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import { AttemptStopped, RunningAttempts } from './running-attempts.js';

let running: RunningAttempts;
beforeEach(() => {
  running = new RunningAttempts();
});

function run(jobId: string): { signal: AbortSignal; forget: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, forget: running.add(jobId, controller) };
}

const reasonOf = (signal: AbortSignal): unknown => (signal.aborted ? (signal.reason as AttemptStopped).reason : null);

it('a stop reaches every run of its job and no other', () => {
  const [first, second, other] = [run('a'), run('a'), run('b')];
  running.stop('a', 'deadline');
  expect([first, second, other].map(({ signal }) => reasonOf(signal))).toStrictEqual(['deadline', 'deadline', null]);
  expect(first.signal.reason).toBeInstanceOf(AttemptStopped);
});

it('a shutdown stops everything', () => {
  const runs = [run('a'), run('a'), run('b')];
  running.stopAll('shutdown');
  expect(runs.map(({ signal }) => reasonOf(signal))).toStrictEqual(['shutdown', 'shutdown', 'shutdown']);
});

it('a run that has ended is left alone, and the others of its job are not', () => {
  const [ended, going] = [run('a'), run('a')];
  ended.forget();
  expect(running.size).toBe(1);
  running.stop('a', 'stopped');
  expect([ended, going].map(({ signal }) => reasonOf(signal))).toStrictEqual([null, 'stopped']);
  going.forget();
  expect(running.size).toBe(0);
});

it('nothing is remembered of a thousand runs that ended', () => {
  for (let i = 0; i < 1_000; i++) run(`job_${i}`).forget();
  expect(running.size).toBe(0);
});

it('a job that nobody runs here can be stopped', () => expect(() => running.stop('nobody', 'stopped')).not.toThrow());

it('the first reason stays', () => {
  const { signal } = run('a');
  running.stop('a', 'lock_lost');
  running.stopAll('shutdown');
  expect(reasonOf(signal)).toBe('lock_lost');
});

it('hears of cancellations on the channel of stops and on no other', async () => {
  const subscribe = jest.fn((_channel: string) => Promise.resolve(1));
  const subscriber = Object.assign(new EventEmitter(), { subscribe });
  await running.listen(subscriber as unknown as RedisClient);
  expect(subscribe).toHaveBeenCalledWith(channels.stops());
  const { signal } = run('a');
  subscriber.emit('message', channels.registry(), 'a');
  expect(signal.aborted).toBe(false);
  subscriber.emit('message', channels.stops(), 'a');
  expect(reasonOf(signal)).toBe('stopped');
});
