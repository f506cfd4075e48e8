/**
 * Draws one member by weight; the same seed draws the same member. Weighted rendezvous hashing: when a member drops out,
 * only the seeds that had drawn it move to another. Returns null when no member has a weight above zero.
 */
export function drawMember(seed: string, members: Iterable<readonly [model: string, weight: number]>): string | null {
  let drawn: string | null = null;
  let best = Infinity;
  for (const [model, weight] of members) {
    if (weight <= 0) continue;
    // Exponential clocks: the one with rate `weight` rings first with probability weight / sum of weights.
    const ringsAt = -Math.log(uniformOf(`${seed}:${model}`)) / weight;
    if (ringsAt < best) {
      best = ringsAt;
      drawn = model;
    }
  }
  return drawn;
}

/** FNV-1a with Murmur's finisher, as a number strictly between 0 and 1. */
function uniformOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) + 0.5) / 2 ** 32;
}
