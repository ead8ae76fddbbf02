import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

/** The repository's root folder. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Machine {
  /** The processor's name as the system gives it. */
  readonly cpu: string;
  /** Processors that this process may run on. */
  readonly processors: number;
  readonly memoryBytes: number;
  /** E.g. `linux-x64`. */
  readonly platform: string;
  readonly node: string;
  /** Of the last minute, when the benchmark began. */
  readonly loadAverage: number;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    processors: availableParallelism(),
    memoryBytes: totalmem(),
    platform: `${process.platform}-${process.arch}`,
    node: process.versions.node,
    loadAverage: loadavg()[0],
  };
}

/** The commit the sources are at; null outside of a clone. */
export function commitOfSources(): string | null {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const commit = git('rev-parse', 'HEAD').trim();
    const changes = git('status', '--porcelain', '--', '.', ':!benchmarks/results', ':!*.md');
    return changes === '' ? commit : `${commit}-dirty`;
  } catch {
    return null;
  }
}
