import { expect, it } from '@jest/globals';
import { NextLooks } from './next-looks.js';

it('those of a line look again after two seconds, 200 a second however many they are', () => {
  let nowMs = 1_000_000;
  const looks = new NextLooks(() => nowMs);
  const delays = Array.from({ length: 10_000 }, () => looks.delayMs('slow'));
  expect(delays[0]).toBe(2_000);
  expect(delays[1]).toBe(2_005);
  for (let second = 2; second < 52; second++) {
    const within = delays.filter((delay) => delay >= second * 1_000 && delay < (second + 1) * 1_000);
    expect(within).toHaveLength(200);
  }
  nowMs += 10_000;
  expect(looks.delayMs('slow')).toBe(42_000);
});

it('nobody waits behind those of another line', () => {
  const looks = new NextLooks(() => 1_000_000);
  for (let n = 0; n < 60_000; n++) looks.delayMs('slow');
  expect(looks.delayMs('quick')).toBe(2_000);
});

it('a line that is over is forgotten: the next one waits no longer than the first', () => {
  let nowMs = 1_000_000;
  const looks = new NextLooks(() => nowMs);
  for (let n = 0; n < 1_000; n++) looks.delayMs(`line ${n % 10}`);
  expect(looks.lines).toBe(10);
  nowMs += 60_000;
  expect(looks.delayMs('line 0')).toBe(2_000);
  expect(looks.lines).toBe(1);
});
