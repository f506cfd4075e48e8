/**
 * The commands of every ```sh block under a heading, in order and exactly as written. A command ends at the end of its line
 * unless a quote is open or the line ends in a backslash; comment lines and empty ones are left out. Throws when there is no such heading.
 */
export function readmeCommands(markdown: string, heading: string): string[] {
  const section = sectionOf(markdown, heading);
  const blocks = [...section.matchAll(/^```sh\n([\s\S]*?)^```/gm)];
  return blocks.flatMap(([, block = '']) => splitCommands(block));
}

function sectionOf(markdown: string, heading: string): string {
  const lines = markdown.split('\n');
  const start = lines.indexOf(heading);
  if (start < 0) throw new Error(`no heading "${heading}"`);
  const level = `${/^#+/.exec(heading)?.[0] ?? ''} `;
  let fenced = false;
  const end = lines.findIndex((line, index) => {
    if (index <= start) return false;
    if (line.startsWith('```')) fenced = !fenced;
    return !fenced && line.startsWith(level);
  });
  return lines.slice(start + 1, end < 0 ? undefined : end).join('\n');
}

function splitCommands(block: string): string[] {
  const commands: string[] = [];
  let command = '';
  for (const line of block.split('\n')) {
    if (command === '' && (line.trim() === '' || line.startsWith('#'))) continue;
    command += command === '' ? line : `\n${line}`;
    if (isOpen(command)) continue;
    commands.push(command);
    command = '';
  }
  if (command !== '') throw new Error(`a quote is left open: ${command}`);
  return commands;
}

/** Whether the shell would read on: an open quote, or a backslash at the end. */
function isOpen(text: string): boolean {
  let quote = '';
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char === '\\' && quote !== "'") {
      at += 1;
      if (at === text.length) return true;
    } else if (quote === '') {
      if (char === "'" || char === '"') quote = char;
    } else if (char === quote) quote = '';
  }
  return quote !== '';
}
