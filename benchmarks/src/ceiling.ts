import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { devices } from '@tubelet/runtime';
import { root } from './machine.js';

/** What the machine can do at best, measured by ceiling/ceiling.cpp just before. */
export interface Ceiling {
  readonly f32Gflops: number;
  /** Absent where the processor has no bfloat16 products. */
  readonly bf16Gflops?: number;
  /** Absent where the processor has no products of 8-bit integers. */
  readonly int8Gflops?: number;
  /** Copies of several sizes, smallest first. */
  readonly copies: readonly { readonly bytes: number; readonly gbs: number }[];
}

export const ceilingNote =
  'ceiling: multiply-adds in registers on all threads, and copies of the same size (benchmarks/ceiling/ceiling.cpp), measured before this run';

const source = join(root, 'benchmarks/ceiling/ceiling.cpp');
const program = join(root, 'build/bench/ceiling');

/** @throws Error when there is no C++ compiler */
export function measureCeiling(threads: number, sizes: readonly number[] = []): Ceiling {
  if (!existsSync(program) || statSync(program).mtimeMs < statSync(source).mtimeMs) {
    mkdirSync(join(root, 'build/bench'), { recursive: true });
    const options = ['-std=c++20', '-O2', '-pthread', '-o', program, source];
    execFileSync(process.env.CXX || 'c++', options, { stdio: ['ignore', 'ignore', 'inherit'] });
  }
  const levels = devices().flatMap(({ levels = [] }) => levels);
  const tiles = levels.some(({ isa, available }) => isa === 'amx' && available) ? ['amx'] : [];
  const output = execFileSync(program, [threads, ...tiles, ...sizes].map(String), {
    encoding: 'utf8',
  });
  return JSON.parse(output);
}

export interface Work {
  readonly flops: number;
  /** Read and written, where copying is a bound of it. */
  readonly bytes?: number;
  readonly milliseconds: number;
  readonly dtype: string;
}

/** Time that the ceiling allows, of the time taken: arithmetic and copying can go on at once. */
export function ceilingPercent(ceiling: Ceiling, work: Work): number {
  const { f32Gflops, copies } = ceiling;
  const narrow = { bf16: ceiling.bf16Gflops, int8: ceiling.int8Gflops };
  const gflops = narrow[work.dtype as keyof typeof narrow] ?? f32Gflops;
  const bytes = work.bytes ?? 0;
  const copy = copies.find((copy) => copy.bytes >= bytes) ?? copies.at(-1);
  const moving = copy ? bytes / copy.gbs : 0;
  return (Math.max(work.flops / gflops, moving) / 1e6 / work.milliseconds) * 100;
}

/** The size of copy that a working set is compared with: the next power of two, from 64 KiB to 256 MiB. */
export function copySize(bytes: number): number {
  return 2 ** Math.min(28, Math.max(16, Math.ceil(Math.log2(bytes))));
}
