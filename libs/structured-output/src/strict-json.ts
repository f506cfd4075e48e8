export type StrictJson = { kind: 'json'; text: string; value: unknown } | { kind: 'fault'; error: string };

const LONGEST_REASON = 200;

/** Parses JSON text by RFC 8259 and refuses a key that appears twice, where readers disagree about which one counts. */
export function parseStrictly(text: string): StrictJson {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, LONGEST_REASON) : 'it cannot be read';
    return { kind: 'fault', error: `The answer is not valid JSON: ${reason}.` };
  }
  const key = findDuplicateKey(text);
  if (key === null) return { kind: 'json', text, value };
  return { kind: 'fault', error: `The answer has the key ${key.slice(0, LONGEST_REASON)} twice in one object.` };
}

/** Expects valid JSON, so that a string before a colon is a key. Without recursion: depth is the model's choice. */
function findDuplicateKey(text: string): string | null {
  const open: (Set<string> | null)[] = [];
  const signs = /["{}[\]]/g;
  for (let match = signs.exec(text); match; match = signs.exec(text)) {
    const sign = match[0];
    if (sign === '{' || sign === '[') {
      open.push(null);
    } else if (sign === '}' || sign === ']') {
      open.pop();
    } else {
      signs.lastIndex = endOfString(text, match.index);
      if (!isKey(text, signs.lastIndex)) continue;
      const token = text.slice(match.index, signs.lastIndex);
      const keys = (open[open.length - 1] ??= new Set());
      const key = JSON.parse(token) as string;
      if (keys.has(key)) return token;
      keys.add(key);
    }
  }
  return null;
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; ; at++) {
    const sign = text[at];
    if (sign === '\\') at++;
    else if (sign === '"') return at + 1;
  }
}

function isKey(text: string, end: number): boolean {
  const colon = /[ \t\r\n]*:/y;
  colon.lastIndex = end;
  return colon.test(text);
}
