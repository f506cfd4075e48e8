import fc from 'fast-check';

/** A text with directives in it, and which of its characters are the client's own: a directive's are not. */
export interface MixedText {
  text: string;
  /** For each UTF-16 code unit, whether it stays. */
  stays: boolean[];
}

/** What is left of a mixed text; or of a piece of it. */
export function remainderOf({ text, stays }: MixedText, from = 0, to = text.length): string {
  let left = '';
  for (let i = from; i < to; i++) if (stays[i]) left += text[i] ?? '';
  return left;
}

interface Piece {
  /** The client's words before the directive, on the same line. */
  before: string;
  directive: string;
  /** The client's words after `@@end`; after a line form there is only the line's end. */
  after: string;
  lineEnd: string;
}

/** Nearly directives, odd characters and plain words; never a whole marker, however they follow each other. */
const words = fc
  .array(
    fc.constantFrom(
      'a',
      'word',
      ' ',
      '\t',
      '@',
      '@@',
      'tok',
      'kenhub ',
      'mode=cheap',
      'é',
      '😀',
      '\ud83d',
      '"',
      '\\',
      '{',
      '\u0000',
    ),
    {
      maxLength: 5,
    },
  )
  .map((all) => all.join(''));

const plain = fc.array(fc.tuple(words, fc.constantFrom('\n', '\r\n', '\r.'))).map((lines) => lines.flat().join(''));

// A lone CR is followed by something that makes no CRLF of it.
const lineEnd = fc.constantFrom('\n', '\r\n', '\r.');
const marker = fc.constantFrom('@@tokenhub', '@@TOKENHUB', '@@TokenHub');
const blanks = fc.constantFrom('', ' ', '\t ');

const lineForm = fc
  .tuple(marker, fc.constantFrom('x', ' mode=cheap', '  budget=0.01 latency=5', '@@', '.', ' @@end', ' {"a": "b"}'))
  .map((all) => all.join(''));

const blockForm = fc
  .tuple(
    marker,
    blanks,
    fc.constantFrom('\n', '\r\n', '\r'),
    fc.constantFrom('', 'mode=cheap\n', 'a\r\nb\r', 'not a pair ', '\n\n'),
    fc.constantFrom('@@end', '@@END'),
  )
  .map((all) => all.join(''));

const piece: fc.Arbitrary<Piece> = fc.oneof(
  fc.record({ before: words, directive: lineForm, after: fc.constant(''), lineEnd }),
  fc.record({ before: words, directive: blockForm, after: words, lineEnd }),
);

/**
 * Texts made of the client's words and of directives in both forms, each known apart from the others. `atLeast` directives
 * are in each.
 */
export function mixedText({ atLeast = 0 }: { atLeast?: number } = {}): fc.Arbitrary<MixedText> {
  const item = fc.oneof(piece, plain);
  const items = fc.tuple(
    fc.array(item, { maxLength: 5 }),
    fc.array(piece, { minLength: atLeast, maxLength: atLeast + 1 }),
    plain,
  );
  return items
    .map(([some, more, last]) => assemble([...some, ...more, last]))
    .filter((mixed) => !/@@tokenhub/i.test(remainderOf(mixed)));
}

function assemble(items: (Piece | string)[]): MixedText {
  const mixed: MixedText = { text: '', stays: [] };
  const add = (text: string, stays: boolean): void => {
    mixed.text += text;
    mixed.stays.push(...new Array<boolean>(text.length).fill(stays));
  };
  for (const item of items) {
    if (typeof item === 'string') {
      add(item, true);
      continue;
    }
    add(item.before, true);
    add(item.directive, false);
    add(item.after, true);
    // The line goes with its end only when nothing of it is left.
    const isEmpty = item.after === '' && /(?:^|[\r\n])$/.test(remainderOf(mixed));
    const end = item.lineEnd.replace('.', '');
    add(end, !isEmpty);
    add(item.lineEnd.slice(end.length), true);
  }
  return mixed;
}
