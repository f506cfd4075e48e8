/** Of one receiver's deliveries so many are sent at once by a process: one that never answers leaves room for the others. */
export const MOST_AT_ONCE = 10;

/** Counts what is under way to each receiver. */
export class EndpointSlots {
  private readonly taken = new Map<string, number>();

  /** What gives the slot back; null where all of this receiver's are taken. */
  take(receiver: string): (() => void) | null {
    const count = this.taken.get(receiver) ?? 0;
    if (count >= MOST_AT_ONCE) return null;
    this.taken.set(receiver, count + 1);
    return () => {
      const left = (this.taken.get(receiver) ?? 1) - 1;
      if (left === 0) this.taken.delete(receiver);
      else this.taken.set(receiver, left);
    };
  }
}
