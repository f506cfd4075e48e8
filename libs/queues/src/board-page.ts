import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ExpressAdapter } from '@bull-board/express';
import type { Request, Response } from 'express';

const TEMPLATE = join(dirname(createRequire(import.meta.url).resolve('@bull-board/ui/package.json')), 'dist/index.ejs');

/**
 * Bull Board's server without what its page asks of others and without styles in the page: it wants a web font, which an
 * administrator's network may not reach and need not be told of. Everything else of the page is as the package has it.
 */
export class OwnPageAdapter extends ExpressAdapter {
  private readonly template = ownParts(readFileSync(TEMPLATE, 'utf8'));

  override setEntryRoute(...[route]: Parameters<ExpressAdapter['setEntryRoute']>): this {
    this.app.get(route.route, (_request: Request, response: Response) => {
      const { params } = route.handler({ basePath: this.basePath, uiConfig: this.uiConfig });
      response.type('html').send(fill(this.template, params));
    });
    return this;
  }
}

/** Throws when the page is not the one that this was written for: it would go on asking others. */
function ownParts(page: string): string {
  const own = page
    .replaceAll(/<link\b[^>]*\bhref="https?:[^>]*>/g, '')
    .replaceAll(/<style\b[^>]*>.*?<\/style>/gs, '')
    .replaceAll(/\sstyle="[^"]*"/g, '');
  const foreign = /(?:src|href)="(?:https?:)?\/\/[^"]*"/.exec(own);
  if (foreign !== null) throw new Error(`the page of Bull Board asks for ${foreign[0]}`);
  return own;
}

/** `<%= name %>` is text; `<%- name %>` is JSON, of which the board has escaped the angle brackets. */
function fill(template: string, params: Record<string, string>): string {
  return template.replaceAll(/<%([=-])\s*(\w+)\s*%>/g, (_all, kind: string, name: string) => {
    const value = params[name] ?? '';
    return kind === '=' ? escapeText(value) : value;
  });
}

function escapeText(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
