import type { OutputFormat } from '#contracts/orchestration.js';
import { closes, endOfFence, nextFence, readMarker } from './code-fences.js';
import { findXmlFault } from './find-xml-fault.js';
import { toPlainText } from './plain-text.js';

export type ShapedText = { kind: 'shaped'; text: string } | { kind: 'fault'; error: string };

/**
 * Brings a text into a format that is not JSON. The four formats, json, markdown, text and xml, are those that the original
 * product offered as `output_format.type`. Markdown stays as it is, plain text loses Markdown's signs, XML must be well-formed.
 */
export function shapeText(text: string, format: Exclude<OutputFormat, 'json'>): ShapedText {
  if (text.trim() === '') return { kind: 'fault', error: 'The answer is empty.' };
  switch (format) {
    case 'markdown':
      return { kind: 'shaped', text: unwrapMarkdown(text) };
    case 'text':
      return { kind: 'shaped', text: toPlainText(unwrapMarkdown(text)) };
    case 'xml':
      return shapeXml(text);
  }
}

/**
 * The inside of a text that is one fenced block of Markdown from its first line to its last. Such a block often has code blocks
 * of as many backticks in it, which by CommonMark end it; so lines that open and close are counted in pairs.
 */
function unwrapMarkdown(text: string): string {
  const [first = '', ...rest] = text.trim().split('\n');
  const opening = readMarker(first);
  const last = readMarker(rest.pop() ?? '');
  if (!opening || !last || !closes(last, opening) || !/^(?:markdown|md)$/i.test(opening.rest.trim())) return text;
  let isInside = false;
  for (const line of rest) {
    const marker = readMarker(line);
    if (marker?.sign !== opening.sign || marker.length < opening.length) continue;
    isInside = isInside ? marker.rest.trim() !== '' : true;
  }
  return isInside ? text : rest.join('\n');
}

function shapeXml(text: string): ShapedText {
  const document = unfenceXml(text.trim());
  const fault = findXmlFault(document);
  return fault === null
    ? { kind: 'shaped', text: document }
    : { kind: 'fault', error: `The answer is not well-formed XML. ${fault}` };
}

/** The first block that is fenced as XML, or as nothing but begins like XML; the text itself when it begins like XML already. */
function unfenceXml(text: string): string {
  if (text.startsWith('<')) return text;
  let fence = nextFence(text, 0);
  while (fence) {
    const { contentEnd, end } = endOfFence(text, fence);
    const content = text.slice(fence.contentStart, contentEnd).trim();
    if (fence.language === 'xml' || (fence.language === '' && content.startsWith('<'))) return content;
    fence = nextFence(text, end);
  }
  return text;
}
