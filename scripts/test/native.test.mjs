import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { conformance, plans } from '../build-addon.mjs';
import { setup } from '../setup.mjs';
import { root, runQuietly, StepError } from '../workspace.mjs';

const table = readFileSync(join(root, 'native/ops/ops.def'), 'utf8');
const ops = [...table.matchAll(/^TUBELET_OP\((\w+)/gm)].map(([, stem]) => stem);

// The program runs every op on every instruction set of this machine and prints a line for each.
describe('native conformance', () => {
  let output = '';

  beforeAll(async () => {
    await setup({ tests: true });
    try {
      output = await runQuietly('conformance', join(root, conformance), []);
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      output = readFileSync(join(root, '.cache/logs/conformance.log'), 'utf8');
    }
  }, 600_000);

  it.each([...ops, 'company', 'checks'])('%s', (name) => {
    const lines = output.split('\n');
    expect(
      lines.filter((line) => new RegExp(`^ok ${name}(\\.\\w+)?( \\w+)?:`).test(line)),
    ).not.toEqual([]);
    expect(lines.filter((line) => new RegExp(`^FAIL (company )?${name}\\b`).test(line))).toEqual(
      [],
    );
  });

  it('plans and their runs', async () => {
    const lines = await runQuietly('plans', join(root, plans), []);
    expect(lines).toMatch(/^plans: 0 failures$/m);
    expect(lines).toContain('ok plans: a run allocates nothing');
  });

  it('ends without a failure', () => {
    expect(output).toMatch(/^conformance: .* 0 failures$/m);
  });

  it('exports no symbol that another instruction set could take', async () => {
    const build = join(root, 'build');
    await runQuietly('symbols', 'ctest', [
      '--test-dir',
      build,
      '-R',
      '^symbols_',
      '--no-tests=error',
    ]);
  });
});
