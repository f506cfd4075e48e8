import { KeptSpans, type Span } from './kept-spans.js';
import { MARKER, markerPattern } from './marker.js';

/** A directive as it was found. */
export interface Cut extends Span {
  /** `unclosed`: a block without its `@@end`, of which only the first line is cut. */
  form: 'line' | 'block' | 'unclosed';
  /** What stands between the marker and the end of the line or `@@end`. */
  content: Span;
  /** Its marker was made by cutting what stood inside it; nobody has written such a directive in one piece. */
  assembled: boolean;
}

export interface Scan {
  /** What is left of the text. */
  kept: Span[];
  /** In the order of their ends. A line end that goes with a cut is no part of it. */
  cuts: Cut[];
}

interface Found {
  from: number;
  /** Where the marker ends. */
  to: number;
  assembled: boolean;
}

/**
 * Finds every directive of a text in one pass, from left to right, in time that grows with the text's length alone.
 *
 * A marker with more than blanks after it is a directive to the end of its line. One with nothing after it opens a block,
 * to the next `@@end`; directives do not nest, so a block with another marker before its `@@end` is unclosed. Where a cut
 * joins the text before it to the text after it, the joint is looked at again before going on: what is kept never holds a
 * marker, also none that was not there before.
 */
export function scanDirectives(text: string): Scan {
  const kept = new KeptSpans(text);
  const cuts: Cut[] = [];
  const markers = markerPattern();
  let at = 0;
  const nextMarker = (): Found | null => {
    markers.lastIndex = at;
    const match = markers.exec(text);
    return match && { from: match.index, to: markers.lastIndex, assembled: false };
  };
  for (let found = nextMarker(); found !== null; found = assembledAt(text, at, kept) ?? nextMarker()) {
    if (!found.assembled) kept.add(at, found.from);
    const { form, content, to } = extent(text, found.to);
    cuts.push({ from: found.from, to, form, content, assembled: found.assembled });
    // A line goes with its end only when nothing else is on it.
    const isAlone = /^[\r\n]?$/.test(kept.tail(1));
    at = isAlone ? to + lineEndLength(text, to) : to;
  }
  kept.add(at, text.length);
  return { kept: kept.spans, cuts };
}

/** A marker that begins in what is kept and goes on in what comes next; it is taken back from what is kept. */
function assembledAt(text: string, at: number, kept: KeptSpans): Found | null {
  const tail = kept.tail(MARKER.length - 1);
  const index = (tail + text.slice(at, at + MARKER.length - 1)).search(/@@tokenhub/i);
  if (index < 0) return null;
  const before = tail.length - index;
  return { from: kept.drop(before), to: at + MARKER.length - before, assembled: true };
}

/** How far a directive reaches whose marker ends here. */
function extent(text: string, from: number): Pick<Cut, 'form' | 'content' | 'to'> {
  const lineEnd = endOfLine(text, from);
  if (/[^ \t]/.test(text.slice(from, lineEnd))) return { form: 'line', content: { from, to: lineEnd }, to: lineEnd };
  const edges = /@@(?:tokenhub|end)/gi;
  edges.lastIndex = lineEnd;
  const edge = edges.exec(text);
  if (edge === null || edge[0].length === MARKER.length) {
    return { form: 'unclosed', content: { from, to: lineEnd }, to: lineEnd };
  }
  return { form: 'block', content: { from, to: edge.index }, to: edges.lastIndex };
}

/** Lines end with LF, CRLF or a CR alone. */
function endOfLine(text: string, from: number): number {
  const ends = /[\r\n]/g;
  ends.lastIndex = from;
  return ends.exec(text)?.index ?? text.length;
}

function lineEndLength(text: string, at: number): number {
  if (text.startsWith('\r\n', at)) return 2;
  return text[at] === '\r' || text[at] === '\n' ? 1 : 0;
}
