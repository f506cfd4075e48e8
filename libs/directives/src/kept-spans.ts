/** Characters from `from` up to, not including, `to`. */
export interface Span {
  from: number;
  to: number;
}

/** What is left of a text: spans in its order, none empty, whose end can be looked at and taken back. */
export class KeptSpans {
  readonly spans: Span[] = [];

  constructor(private readonly text: string) {}

  add(from: number, to: number): void {
    if (to > from) this.spans.push({ from, to });
  }

  /** The last characters of what is left: as many as asked for, or all there are. */
  tail(length: number): string {
    let tail = '';
    for (let i = this.spans.length - 1; tail.length < length; i--) {
      const span = this.spans[i];
      if (span === undefined) break;
      tail = this.text.slice(Math.max(span.from, span.to - (length - tail.length)), span.to) + tail;
    }
    return tail;
  }

  /** Takes back the last characters, of which there must be as many; gives where the first of them stands in the text. */
  drop(length: number): number {
    for (let missing = length; ;) {
      const last = this.spans.at(-1);
      if (last === undefined) throw new RangeError('more is to be dropped than was kept');
      const dropped = Math.min(missing, last.to - last.from);
      last.to -= dropped;
      missing -= dropped;
      if (last.to === last.from) this.spans.pop();
      if (missing === 0) return last.to;
    }
  }
}
