// npm run goldens [-- DIR] [--json] [--page FILE]: the table of all cases of a folder DIR/family/case.
import { existsSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type CaseVerdict, checkCase, listCases } from './cases.js';
import { goldensFolder } from './folder.js';
import { parityPage } from './parity-page.js';

const columns = ['verdict', 'max error', 'tolerance', 'case', 'reason'] as const;
const widths = [7, 9, 9, 44, 0];

function print(cells: readonly string[]): void {
  console.log(
    cells
      .map((cell, i) => cell.padEnd(widths[i]))
      .join('  ')
      .trimEnd(),
  );
}

function printVerdict({ case: name, verdict, maxError, tolerance, reason }: CaseVerdict): void {
  const figure = (value: number | null) => (value === null ? '' : value.toExponential(2));
  print([verdict, figure(maxError), figure(tolerance), name, reason]);
}

function printSummary(verdicts: readonly CaseVerdict[]): void {
  const count = (verdict: CaseVerdict['verdict']) =>
    verdicts.filter((found) => found.verdict === verdict).length;
  console.log(`${count('pass')} passed, ${count('fail')} failed, ${count('skip')} skipped`);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'boolean', default: false }, page: { type: 'string' } },
  });
  const folder = positionals[0] ?? goldensFolder();
  if (positionals.length > 1) throw new Error('one folder is read at a time');
  if (positionals[0] && !existsSync(positionals[0])) {
    throw new Error(
      `folder must be = DIR/family/case, got ${positionals[0]}, which does not exist`,
    );
  }
  if (!folder) {
    console.error('no goldens: neither TUBELET_GOLDENS nor ../shared/goldens is a folder');
  }
  const names = folder ? await listCases(folder) : [];
  const verdicts: CaseVerdict[] = [];
  if (!values.json) print(columns);
  for (const name of names) {
    const verdict = await checkCase(folder as string, name);
    verdicts.push(verdict);
    if (!values.json) printVerdict(verdict);
  }
  if (values.json) console.log(JSON.stringify(verdicts, null, 2));
  else printSummary(verdicts);
  if (values.page !== undefined) writeFileSync(values.page, parityPage(verdicts));
  process.exitCode = verdicts.some(({ verdict }) => verdict === 'fail') ? 1 : 0;
}

try {
  await main();
} catch (error) {
  console.error(`goldens: ${(error as Error).message}`);
  process.exitCode = 2;
}
