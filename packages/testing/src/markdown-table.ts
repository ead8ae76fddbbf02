/** A table of docs/: columns of numbers are aligned to the right. */
export function markdownTable(
  columns: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const isNumber = columns.map((_, i) => rows.every((row) => /^[\d.,e+\- ]*%?$/.test(row[i])));
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = line(columns.map((_, i) => (isNumber[i] ? '---:' : '---')));
  return [line(columns), rule, ...rows.map(line)].join('\n');
}

/** A page with what stands between `<!-- NAME: begin -->` and `<!-- NAME: end -->` replaced. */
export function replaceSection(page: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const from = page.indexOf(begin);
  const to = page.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`page must have = ${begin} and ${end}, got neither`);
  return `${page.slice(0, from + begin.length)}\n${content}\n${page.slice(to)}`;
}
