import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import ipaddr from 'ipaddr.js';

/** What a name server says of a name: its addresses, that there is no such name, that it cannot tell, or nothing at all. */
export type NameAnswer = readonly string[] | 'unknown' | 'failure' | 'silence';

/** The same for each kind of address. */
export interface NameAnswers {
  ipv4: NameAnswer;
  ipv6: NameAnswer;
}

const RCODES = { failure: 2, unknown: 3 } as const;
const TYPE_OF_KIND = { ipv4: 1, ipv6: 28 } as const;
const HEADER_BYTES = 12;
const CLASS_IN = 1;

/** A real name server on loopback, over UDP. */
export class NameServer {
  /** The names that it was asked for, once for each question. */
  readonly asked: string[] = [];

  private constructor(
    private readonly socket: Socket,
    private readonly answers: Readonly<Record<string, NameAnswer | NameAnswers>>,
  ) {
    socket.on('message', (query, from) => this.take(query, from));
  }

  /** What it has no answer for it does not know. */
  static async start(answers: Readonly<Record<string, NameAnswer | NameAnswers>>): Promise<NameServer> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new NameServer(socket, answers);
  }

  /** As resolvers take it. */
  get address(): string {
    return `127.0.0.1:${this.socket.address().port}`;
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.socket.close(resolve));
  }

  private take(query: Buffer, { port, address }: RemoteInfo): void {
    const { name, type, end } = questionOf(query);
    this.asked.push(name);
    const said = this.answers[name.toLowerCase()] ?? 'unknown';
    const answer =
      typeof said === 'object' && 'ipv4' in said ? said[type === TYPE_OF_KIND.ipv6 ? 'ipv6' : 'ipv4'] : said;
    if (answer === 'silence') return;
    const records = typeof answer === 'string' ? [] : answer.flatMap((one) => recordOf(one, type));
    const header = Buffer.from(query.subarray(0, HEADER_BYTES));
    // An answer, recursion was available.
    header.writeUInt16BE(0x8180 | (typeof answer === 'string' ? RCODES[answer] : 0), 2);
    [1, records.length, 0, 0].forEach((count, i) => header.writeUInt16BE(count, 4 + 2 * i));
    this.socket.send(Buffer.concat([header, query.subarray(HEADER_BYTES, end), ...records]), port, address);
  }
}

function questionOf(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.'), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function recordOf(address: string, wanted: number): Buffer[] {
  const parsed = ipaddr.parse(address);
  const type = TYPE_OF_KIND[parsed.kind()];
  if (type !== wanted) return [];
  const data = Buffer.from(parsed.toByteArray());
  const head = Buffer.alloc(HEADER_BYTES);
  // The name of the question; kept for no time.
  head.writeUInt16BE(0xc000 | HEADER_BYTES, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(CLASS_IN, 4);
  head.writeUInt16BE(data.length, 10);
  return [Buffer.concat([head, data])];
}
