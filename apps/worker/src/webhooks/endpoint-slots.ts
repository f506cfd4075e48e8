/** Of one receiver's deliveries so many are sent at once by a process: one that never answers leaves room for the others. */
export const MOST_AT_ONCE = 10;

/** And so many of one project's: also one that has many such receivers leaves room for other projects. */
export const MOST_OF_A_PROJECT = 40;

export interface Receiver {
  project: string;
  /** Unique within the project. */
  name: string;
}

/** What gives the slot back; or whose slots are all taken. */
export type Slot = { kind: 'taken'; letGo: () => void } | { kind: 'none'; of: string };

/** Counts what is under way to each receiver, and for each project. */
export class EndpointSlots {
  private readonly taken = new Map<string, number>();

  /** Takes one of the receiver's slots, and one of its project's. */
  take({ project, name }: Receiver): Slot {
    const receiver = `${project}/${name}`;
    if (this.count(project) >= MOST_OF_A_PROJECT) return { kind: 'none', of: project };
    if (this.count(receiver) >= MOST_AT_ONCE) return { kind: 'none', of: receiver };
    for (const one of [project, receiver]) this.taken.set(one, this.count(one) + 1);
    return { kind: 'taken', letGo: () => [project, receiver].forEach((one) => this.giveBack(one)) };
  }

  private count(of: string): number {
    return this.taken.get(of) ?? 0;
  }

  private giveBack(of: string): void {
    const left = this.count(of) - 1;
    if (left === 0) this.taken.delete(of);
    else this.taken.set(of, left);
  }
}
