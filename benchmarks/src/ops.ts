import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { ceilingNote, ceilingPercent, copySize, measureCeiling } from './ceiling.js';
import { root } from './machine.js';
import type { Options } from './options.js';
import { type Measured, ownRow, type Row } from './report.js';

/** A line of `conformance --bench` about one production case at one instruction set. */
interface CaseLine {
  readonly op: string;
  readonly case: string;
  readonly isa: string;
  readonly kernel: string;
  readonly precision: string;
  /** The shortest of repeated runs. */
  readonly ms: number;
  readonly gflops: number;
  /** Read and written. */
  readonly gbs: number;
}

/** Every op at the production sizes of native/ops/cases, by each of its kernels that takes them. */
export async function benchOps({ threads, words }: Options): Promise<Measured> {
  const output = execFileSync(
    conformanceProgram(),
    ['--bench', '--threads', String(threads), ...words.flatMap((op) => ['--op', op])],
    { encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const lines = output
    .split('\n')
    .filter((line) => line !== '')
    .map((line): CaseLine => JSON.parse(line));
  const sizes = [...new Set(lines.map((line) => copySize(bytesOf(line))))].sort((a, b) => a - b);
  const ceiling = measureCeiling(threads, sizes);
  const widest = lines[0]?.isa ?? 'none';
  const rows = lines.map((line): Row => {
    const dtype = line.precision;
    const bytes = bytesOf(line);
    const work = { flops: line.gflops * line.ms * 1e6, bytes, milliseconds: line.ms, dtype };
    return ownRow(`${line.op}: ${line.case}`, dtype, line.ms, {
      ceilingPercent: ceilingPercent(ceiling, work),
      details: { isa: line.isa, kernel: line.kernel, 'GFLOP/s': line.gflops, 'GB/s': line.gbs },
    });
  });
  const notes = [
    `${ceilingNote}; the higher bound of the two counts`,
    'times: shortest of repeated runs on one set of buffers, without the plan (native/tests/bench.cpp)',
  ];
  return { isa: widest, threads, rows, notes };
}

function bytesOf({ gbs, ms }: CaseLine): number {
  return gbs * ms * 1e6;
}

/**
 * The conformance program, which times what it tests; brought up to date in the addon's build folder, whose objects it
 * shares. TUBELET_CONFORMANCE names one that is built elsewhere.
 */
function conformanceProgram(): string {
  const named = process.env.TUBELET_CONFORMANCE;
  if (named) return named;
  const folder = join(root, 'build');
  const cmake = (...args: string[]) => execFileSync('cmake', args, { stdio: ['ignore', 2, 2] });
  cmake('-DTUBELET_NATIVE_TESTS=ON', folder);
  cmake('--build', folder, '--parallel', '2', '--target', 'conformance');
  return join(folder, 'native/tests/conformance');
}
