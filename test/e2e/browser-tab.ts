import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { repositoryRoot } from '#testing/repository-root.js';

/** A visitor with cookies of their own and one tab, and what the browser had to say meanwhile. */
export class Visitor {
  /** Errors of the console, refusals by a content-security policy among them. */
  readonly complaints: string[] = [];
  /** URLs that were asked for on any other server. */
  readonly outside: string[] = [];
  /** Dialogs: the work of text that became script. */
  readonly dialogs: string[] = [];

  private constructor(
    readonly context: BrowserContext,
    readonly page: Page,
  ) {}

  /** Opens a tab for the server at `url`; nothing beyond it is reached, and each attempt is noted. */
  static async arrive(browser: Browser, url: string, scheme: 'light' | 'dark' = 'light'): Promise<Visitor> {
    const context = await browser.newContext({
      baseURL: url,
      colorScheme: scheme,
      viewport: { width: 1100, height: 750 },
    });
    const visitor = new Visitor(context, await context.newPage());
    await context.route(
      (asked) => asked.origin !== url && asked.protocol.startsWith('http'),
      (route) => {
        visitor.outside.push(route.request().url());
        return route.abort();
      },
    );
    context.on('console', (message) => {
      if (message.type() === 'error') visitor.complaints.push(`${message.text()} ${message.location().url}`);
    });
    context.on('weberror', (fault) => visitor.complaints.push(String(fault.error())));
    context.on('dialog', (dialog) => {
      visitor.dialogs.push(dialog.message());
      void dialog.dismiss();
    });
    return visitor;
  }

  /** Writes the page to `.tokenhub/screenshots/<name>.png`; of a long one what is in sight. */
  async picture(name: string, { long = false } = {}): Promise<void> {
    const folder = join(repositoryRoot(), '.tokenhub', 'screenshots');
    mkdirSync(folder, { recursive: true });
    await this.page.screenshot({ path: join(folder, `${name}.png`), fullPage: !long });
  }

  async leave(): Promise<void> {
    await this.context.close();
  }
}
