import { isJsonObject, type JsonObject } from '#contracts/json.js';

export type TextPart = JsonObject & { text: string };

/** Text parts that stand side by side in a list: readers see them as one text. */
export interface TextRun {
  /** The index of the first. */
  at: number;
  parts: TextPart[];
}

/** `text`, and the names of the other APIs: `input_text`, `output_text`. */
const TEXT_TYPE = /(?:^|_)text$/;

/** Every run of text parts in a list, in order; a part alone is a run of one. */
export function textRuns(list: readonly unknown[]): TextRun[] {
  const runs: TextRun[] = [];
  let open: TextRun | null = null;
  for (let at = 0; at < list.length; at++) {
    const part = list[at];
    if (!isTextPart(part)) {
      open = null;
    } else if (open === null) {
      open = { at, parts: [part] };
      runs.push(open);
    } else {
      open.parts.push(part);
    }
  }
  return runs;
}

function isTextPart(value: unknown): value is TextPart {
  return (
    isJsonObject(value) &&
    typeof value.text === 'string' &&
    typeof value.type === 'string' &&
    TEXT_TYPE.test(value.type)
  );
}
