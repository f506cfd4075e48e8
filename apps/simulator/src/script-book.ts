import { matchesRequest, type RequestMatch, type RequestTraits } from './request-match.js';
import type { Settings } from './settings.js';

/** What the model says, and how, when it is asked something: for so many answers, or until it is cleared. */
export interface Script {
  match?: RequestMatch;
  /** The answer, word for word; without it, it is made up as ever. */
  text?: string;
  /** For these answers alone, for instance `ttft_ms`. */
  settings?: Partial<Omit<Settings, 'limits'>>;
  times?: number;
}

export interface HeldScript extends Script {
  id: string;
}

/** The scripts in the order of their arrival: the first that matches a request is played. */
export class ScriptBook {
  private held: HeldScript[] = [];
  private lastId = 0;

  /** Keeps a script and returns its id. */
  add(script: Script): string {
    const id = `script_${++this.lastId}`;
    this.held.push({ ...script, id });
    return id;
  }

  /** The script of this request, if any; takes one off its times. Only chats and completions have words to script. */
  take(request: RequestTraits): Script | null {
    if (this.held.length === 0 || (request.endpoint !== 'chat' && request.endpoint !== 'completion')) return null;
    const script = this.held.find(({ match = {} }) => matchesRequest(match, request)) ?? null;
    if (script?.times !== undefined) {
      script.times -= 1;
      if (script.times === 0) this.clear(script.id);
    }
    return script;
  }

  list(): HeldScript[] {
    return this.held.map((script) => ({ ...script }));
  }

  /** Forgets one script, or all; returns how many there were. */
  clear(id?: string): number {
    const kept = id === undefined ? [] : this.held.filter((script) => script.id !== id);
    const cleared = this.held.length - kept.length;
    this.held = kept;
    return cleared;
  }
}
