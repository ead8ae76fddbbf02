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

  // The objects of level amx themselves, their instructions done where they trap.
  it('compiled tiles of AMX', async ({ skip }) => {
    const compiler = readFileSync(join(root, 'build/CMakeCache.txt'), 'utf8');
    if (!compiler.includes('TUBELET_COMPILER_HAS_AMX:INTERNAL=1')) skip('no AMX in the compiler');
    if (!output.includes(' amx_emulated:')) skip('no AVX-512 BF16, which the level needs besides');
    const args = ['--isa', 'amx_trapped', '--small'];
    const lines = await runQuietly('amx', join(root, conformance), args);
    expect(lines).toMatch(/^conformance: .*, 1 levels, 0 failures$/m);
    expect(lines).toMatch(/^ok linear\.amx_int8 amx_trapped: /m);
  }, 60_000);

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
