import { isJsonObject, type JsonObject } from '#contracts/json.js';
import { invalidRequest } from './invalid-request.js';

/** One of Anthropic's content blocks. */
export type Block = JsonObject & { type: string };

/** The content of a message as blocks; `at` is its path in the client's body. Empty texts are left out: Anthropic refuses them. */
export function toBlocks(content: unknown, at: string): Block[] {
  if (content === undefined || content === null) return [];
  if (typeof content === 'string') return content.trim() === '' ? [] : [{ type: 'text', text: content }];
  if (!Array.isArray(content)) throw invalidRequest(`${at} is neither a text nor a list of parts.`, at);
  return content.flatMap((part: unknown, index) => toBlock(part, `${at}[${index}]`));
}

function toBlock(part: unknown, at: string): Block[] {
  if (!isJsonObject(part) || typeof part.type !== 'string') throw invalidRequest(`${at} has no type.`, at);
  const convert = CONVERTERS.get(part.type);
  // Anthropic's own blocks (document, search_result, …) go through as they are.
  if (!convert) return [part as Block];
  const block = convert(part, at);
  // Marks a prefix to be cached; OpenAI's parts have no field of that name.
  const cache = isJsonObject(part.cache_control) ? { cache_control: part.cache_control } : {};
  return block === null ? [] : [{ ...block, ...cache }];
}

const CONVERTERS: ReadonlyMap<string, (part: JsonObject, at: string) => Block | null> = new Map(
  Object.entries({
    text: ({ text }: JsonObject) => textBlock(text),
    refusal: ({ refusal }: JsonObject) => textBlock(refusal),
    image_url: ({ image_url: image }: JsonObject, at: string) => ({
      type: 'image',
      source: imageSource(urlOf(image), `${at}.image_url.url`),
    }),
    file: ({ file }: JsonObject, at: string) => ({ type: 'document', ...documentOf(file, `${at}.file`) }),
    input_audio: (_part: JsonObject, at: string) => {
      throw invalidRequest('This model takes no audio.', at, 'unsupported_value');
    },
  }),
);

function textBlock(text: unknown): Block | null {
  return typeof text === 'string' && text.trim() !== '' ? { type: 'text', text } : null;
}

function urlOf(image: unknown): string {
  const url = isJsonObject(image) ? image.url : image;
  return typeof url === 'string' ? url : '';
}

const IMAGE_TYPES: ReadonlySet<string> = new Set(['image/jpeg', 'image/png', 'image/gif', 'image/webp']);

function imageSource(url: string, at: string): JsonObject {
  if (/^https:/i.test(url)) return { type: 'url', url };
  const source = base64Source(url);
  if (source === null) throw invalidRequest('An image is a base64 data: URL or an https: URL.', at);
  if (!IMAGE_TYPES.has(source.media_type)) {
    throw invalidRequest(`Images are JPEG, PNG, GIF or WebP, not ${source.media_type || 'without a type'}.`, at);
  }
  return source;
}

function documentOf(file: unknown, at: string): JsonObject {
  const { file_data: data, filename } = isJsonObject(file) ? file : {};
  const source = typeof data === 'string' ? base64Source(data) : null;
  if (source?.media_type !== 'application/pdf') {
    throw invalidRequest('A file is a PDF in a base64 data: URL; files that were uploaded cannot be named.', at);
  }
  return { source, ...(typeof filename === 'string' ? { title: filename } : {}) };
}

/** Without a regular expression over the data, which may be megabytes. */
function base64Source(url: string): { type: 'base64'; media_type: string; data: string } | null {
  const comma = url.indexOf(',');
  const head = url.slice(0, Math.max(comma, 0)).toLowerCase();
  if (!head.startsWith('data:') || !head.endsWith(';base64')) return null;
  const mediaType = head.slice('data:'.length).split(';')[0] ?? '';
  return {
    type: 'base64',
    media_type: mediaType === 'image/jpg' ? 'image/jpeg' : mediaType,
    data: url.slice(comma + 1),
  };
}
