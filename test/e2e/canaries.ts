import { randomBytes } from 'node:crypto';

/* Secrets that are planted, and everything that a stranger could read, in which none of them may appear. */

/** One that looks like a key, unlike any other text. */
export const canaryKey = (what: string): string => `sk-canary-${what}-${randomBytes(12).toString('hex')}`;

/** Where something was read, and what was there. */
export interface Sighting {
  where: string;
  text: string;
}

/** The planted secrets by name, and where each of them was seen. */
export class Canaries {
  private readonly forms = new Map<string, readonly string[]>();
  /** Texts that were looked through. */
  looked = 0;

  /** From now on this secret may appear nowhere; gives it. */
  plant(name: string, secret: string): string {
    this.forms.set(name, formsOf(secret));
    return secret;
  }

  get names(): string[] {
    return [...this.forms.keys()];
  }

  /** Each secret in this text, in clear or in an encoding that anybody undoes, with the place. */
  in({ where, text }: Sighting): string[] {
    this.looked += 1;
    return [...this.forms].flatMap(([name, forms]) =>
      forms.some((form) => text.includes(form)) ? [`${name} in ${where}`] : [],
    );
  }
}

function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret, 'utf8');
  // The bytes that a base64 or whsec_ secret stands for.
  const meant = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const encoded = [
    bytes.toString('hex'),
    meant.toString('hex'),
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
  ];
  const forms = [secret, secret.replace(/^whsec_/, ''), ...encoded, ...inBase64(bytes), ...inBase64(meant)];
  return [...new Set(forms)].filter((form) => form.length >= 12);
}

/** Inside a longer text base64 depends on where the bytes begin: the middle of each of the three is the same wherever they are. */
function inBase64(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
    const middle = text.slice(4, text.length - 4);
    return [middle, middle.replaceAll('+', '-').replaceAll('/', '_')];
  });
}
