// Every kernel against its reference on every instruction set of this machine: native/tests, built beside the addon.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const build = `${root}build`;

const run = (program: string, ...args: string[]) =>
  new Promise<{ code: number | string; output: string }>((resolve) => {
    execFile(program, args, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, output: stdout + stderr });
    });
  });

const table = readFileSync(`${root}native/ops/ops.def`, 'utf8');
const ops = [...table.matchAll(/^TUBELET_OP\((\w+)/gm)].map((match) => match[1]!);

describe('conformance', () => {
  beforeAll(async () => {
    const jobs = String(availableParallelism());
    const target = ['--target', 'conformance', '--config', 'Release', '--parallel', jobs];
    expect(await run('cmake', '--build', build, ...target)).toMatchObject({ code: 0 });
  }, 600_000);

  test.each(ops)('%s', { timeout: 300_000 }, async (op) => {
    const { code, output } = await run(`${build}/native/tests/conformance`, '--op', op);
    expect(output).toMatch(/, 0 failures\n$/);
    expect(code).toBe(0);
  });

  test('no kernel object has a symbol that the linker may share between instruction sets', async () => {
    const folder = `${build}/native/cpu/CMakeFiles`;
    const objects = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => /^tubelet_cpu_\w+\.dir.*\.o$/.test(path))
      .map((path) => `${folder}/${path}`);
    expect(objects.length).toBeGreaterThan(ops.length);
    const script = `${root}native/tests/check_symbols.cmake`;
    const args = ['-DNM=nm', `-DOBJECTS=${objects.join(';')}`, '-P', script];
    expect(await run('cmake', ...args)).toEqual({ code: 0, output: '' });
  });
});
