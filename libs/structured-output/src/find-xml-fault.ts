/**
 * What keeps a text from being a well-formed XML 1.0 document, as a sentence with its line; null when nothing does. A document
 * type is refused: nothing a model answers needs entities of its own, and they are what XML is attacked with. Namespaces are not
 * looked at. Takes linear time, without recursion.
 */
export function findXmlFault(text: string): string | null {
  try {
    new XmlReader(text).readDocument();
    return null;
  } catch (error) {
    if (error instanceof XmlFault) return error.message;
    throw error;
  }
}

class XmlFault extends Error {}

const NAME_START =
  ':A-Z_a-z\\u00C0-\\u00D6\\u00D8-\\u00F6\\u00F8-\\u02FF\\u0370-\\u037D\\u037F-\\u1FFF\\u200C\\u200D\\u2070-\\u218F' +
  '\\u2C00-\\u2FEF\\u3001-\\uD7FF\\uF900-\\uFDCF\\uFDF0-\\uFFFD\\u{10000}-\\u{EFFFF}';
// eslint-disable-next-line no-misleading-character-class -- these are the ranges of the XML recommendation, combining signs included.
const NAME = new RegExp(`[${NAME_START}][${NAME_START}\\-.0-9\\u00B7\\u0300-\\u036F\\u203F\\u2040]*`, 'yu');
const SPACE = /[ \t\r\n]+/y;
const QUOTED = /"[^"<]*"|'[^'<]*'/y;
const DECLARATION = /<\?xml[ \t\r\n]+version[ \t\r\n]*=[^?]*\?>/y;
const REFERENCE = /&(?:(amp|lt|gt|quot|apos)|#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6}));/y;
const FORBIDDEN = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;

class XmlReader {
  private at = 0;
  private readonly open: string[] = [];
  private hasRoot = false;

  constructor(private readonly text: string) {}

  readDocument(): void {
    const forbidden = FORBIDDEN.exec(this.text);
    if (forbidden) this.fail('a character that XML does not allow', forbidden.index);
    this.take(DECLARATION);
    while (this.at < this.text.length) {
      if (this.text[this.at] === '<') this.readMarkup();
      else this.readText();
    }
    const unclosed = this.open.pop();
    if (unclosed !== undefined) this.fail(`<${unclosed}> is never closed`);
    if (!this.hasRoot) this.fail('there is no element');
  }

  private readMarkup(): void {
    const starts = (sign: string): boolean => this.text.startsWith(sign, this.at);
    if (starts('<!--')) this.readComment();
    else if (starts('<![CDATA[')) this.readCdata();
    else if (starts('<!')) this.fail('a document type is not allowed');
    else if (starts('<?')) this.readInstruction();
    else if (starts('</')) this.readEndTag();
    else this.readStartTag();
  }

  private readText(): void {
    const end = this.indexOr('<', this.text.length);
    const content = this.text.slice(this.at, end);
    if (this.open.length === 0) {
      if (/[^ \t\r\n]/.test(content)) this.fail('there is text outside the root element');
    } else {
      const cdataEnd = content.indexOf(']]>');
      if (cdataEnd !== -1) this.fail('"]]>" must be written as "]]&gt;"', this.at + cdataEnd);
      this.checkReferences(this.at, end);
    }
    this.at = end;
  }

  private readComment(): void {
    const end = this.indexAfter('--', this.at + 4, 'a comment is never closed');
    if (this.text[end] !== '>') this.fail('a comment has "--" in it');
    this.at = end + 1;
  }

  private readCdata(): void {
    if (this.open.length === 0) this.fail('there is text outside the root element');
    this.at = this.indexAfter(']]>', this.at, 'a CDATA section is never closed');
  }

  private readInstruction(): void {
    this.at += 2;
    const target = this.take(NAME);
    if (target === null) this.fail('a processing instruction has no name');
    if (target.toLowerCase() === 'xml') this.fail('an XML declaration must be first, and have a version');
    this.at = this.indexAfter('?>', this.at, 'a processing instruction is never closed');
  }

  private readEndTag(): void {
    const start = this.at;
    this.at += 2;
    const name = this.take(NAME) ?? '';
    this.take(SPACE);
    if (this.text[this.at] !== '>') this.fail('an end tag is not closed by ">"', start);
    const expected = this.open.pop();
    if (expected === undefined) this.fail(`</${name}> closes nothing`, start);
    if (name !== expected) this.fail(`</${name}> stands where </${expected}> is expected`, start);
    this.at++;
  }

  private readStartTag(): void {
    const start = this.at;
    if (this.hasRoot && this.open.length === 0) this.fail('there is a second root element');
    this.hasRoot = true;
    this.at++;
    const name = this.take(NAME);
    if (name === null) this.fail('"<" begins no tag, and must be written as "&lt;"', start);
    this.readAttributes(name);
    const isEmpty = this.text[this.at] === '/';
    if (isEmpty) this.at++;
    if (this.text[this.at] !== '>') this.fail(`the tag <${name}> is not closed by ">"`, start);
    this.at++;
    if (!isEmpty) this.open.push(name);
  }

  private readAttributes(element: string): void {
    const seen = new Set<string>();
    while (this.take(SPACE) !== null) {
      const name = this.take(NAME);
      if (name === null) return;
      if (seen.has(name)) this.fail(`<${element}> has the attribute ${name} twice`);
      seen.add(name);
      this.take(SPACE);
      if (this.text[this.at] !== '=') this.fail(`the attribute ${name} has no value`);
      this.at++;
      this.take(SPACE);
      const start = this.at;
      if (this.take(QUOTED) === null) this.fail(`the value of ${name} is not in quotes, or has "<" in it`);
      this.checkReferences(start, this.at);
    }
  }

  private checkReferences(start: number, end: number): void {
    const part = this.text.slice(start, end);
    for (let at = part.indexOf('&'); at !== -1; at = part.indexOf('&', at + 1)) {
      REFERENCE.lastIndex = at;
      const [, named, decimal, hex] = REFERENCE.exec(part) ?? [];
      const code = decimal === undefined ? parseInt(hex ?? '', 16) : Number(decimal);
      if (named === undefined && !isCharacter(code)) {
        this.fail('"&" begins no character, and must be written as "&amp;"', start + at);
      }
    }
  }

  /** Takes what the sticky pattern matches here; null when it does not. */
  private take(pattern: RegExp): string | null {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text)?.[0] ?? null;
    if (match !== null) this.at += match.length;
    return match;
  }

  private indexOr(sign: string, otherwise: number): number {
    const index = this.text.indexOf(sign, this.at);
    return index === -1 ? otherwise : index;
  }

  private indexAfter(sign: string, from: number, missing: string): number {
    const index = this.text.indexOf(sign, from);
    if (index === -1) this.fail(missing);
    return index + sign.length;
  }

  private fail(what: string, at = this.at): never {
    const line = this.text.slice(0, at).split('\n').length;
    throw new XmlFault(`Line ${line}: ${what.slice(0, 200)}.`);
  }
}

function isCharacter(code: number): boolean {
  return code <= 0x10ffff && !FORBIDDEN.test(String.fromCodePoint(code));
}
