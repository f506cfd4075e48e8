import { type CodeFence, endOfFence, nextFence } from './code-fences.js';

/**
 * `<think>` is what DeepSeek, Qwen, GLM, MiniMax, Hunyuan and most open models write, `<seed:think>` Seed-OSS, `<thinking>` Nova
 * and models that a prompt told to. A server with a reasoning parser has taken them out already
 * (https://docs.vllm.ai/en/stable/features/reasoning_outputs/).
 */
const TAG = /<(\/?)(think|thinking|seed:think)>/g;

/**
 * Takes out what a model wrote while thinking aloud, and the blank lines after it. Everything before a closing tag that nothing
 * opened is thinking too, because many chat templates write the opening tag themselves; so is everything after an opening tag
 * that nothing closes. Code is left alone, and so is a text without tags, byte for byte. Takes linear time.
 */
export function stripThink(text: string): string {
  const tags = new TagReader(text);
  let kept = '';
  let position = 0;
  for (let tag = tags.next(0); tag; tag = tags.next(position)) {
    let end = tag.end;
    if (tag.isClosing) {
      kept = '';
    } else {
      kept += text.slice(position, tag.start);
      const closing = `</${tag.name}>`;
      const found = text.indexOf(closing, tag.end);
      if (found === -1) return kept;
      end = found + closing.length;
    }
    position = skipBlank(text, { end, kept });
    if (isStart(kept)) kept = '';
  }
  return kept + text.slice(position);
}

interface Tag {
  start: number;
  end: number;
  isClosing: boolean;
  name: string;
}

/** Finds tags outside code. What it has found ahead is kept for later, so that nothing is searched twice. */
class TagReader {
  private tag: Tag | null | undefined;
  private fence: CodeFence | null | undefined;

  constructor(private readonly text: string) {}

  /** The first tag at or after `from`, a place outside code. */
  next(from: number): Tag | null {
    for (let position = from; ;) {
      const tag = this.tagFrom(position);
      if (!tag) return null;
      const fence = this.fenceFrom(position);
      if (fence && fence.start < tag.start) position = endOfFence(this.text, fence).end;
      else if (this.isCodeSpan(tag)) position = tag.end;
      else return tag;
    }
  }

  private tagFrom(position: number): Tag | null {
    if (this.tag !== undefined && (this.tag === null || this.tag.start >= position)) return this.tag;
    TAG.lastIndex = position;
    const match = TAG.exec(this.text);
    const [whole = '', slash, name = ''] = match ?? [];
    const start = match?.index ?? 0;
    this.tag = match && { start, end: start + whole.length, isClosing: slash === '/', name };
    return this.tag;
  }

  private fenceFrom(position: number): CodeFence | null {
    const known = this.fence;
    if (known === undefined || (known !== null && known.start < position)) this.fence = nextFence(this.text, position);
    return this.fence ?? null;
  }

  /** A text that talks about the tag, such as this one about `<think>`. */
  private isCodeSpan({ start, end }: Tag): boolean {
    return this.text[start - 1] === '`' && this.text[end] === '`';
  }
}

/** Past the blank lines after a tag; in the middle of a line, what comes next belongs to it. */
function skipBlank(text: string, { end, kept }: { end: number; kept: string }): number {
  const blank = isStart(kept) ? /(?:[ \t]*\r?\n)*[ \t]*/y : /(?:[ \t]*\r?\n)+/y;
  if (!isStart(kept) && !kept.endsWith('\n')) return end;
  blank.lastIndex = end;
  return blank.test(text) ? blank.lastIndex : end;
}

/** Looks at the first characters only: what a model writes before it thinks, if anything, is a newline or two. */
function isStart(kept: string): boolean {
  return kept.length <= 8 && kept.trim() === '';
}
