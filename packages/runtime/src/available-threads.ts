import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { posix } from 'node:path';

/** Reads a file of the kernel's; undefined where there is none. */
export type ReadSystemFile = (path: string) => string | undefined;

/**
 * How many threads may run at once: the processors this process is allowed on, or fewer where a
 * control group's quota (a container's CPU limit) gives less. At least 1.
 */
export function availableThreads(
  processors: number = availableParallelism(),
  read: ReadSystemFile = readSystemFile,
): number {
  const quota = Math.min(unifiedQuota(read), legacyQuota(read));
  return Math.max(1, Math.min(processors, Math.ceil(quota)));
}

function readSystemFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

// cgroup v2: "max 100000" or "<quota> <period>" in the group or any group around it.
function unifiedQuota(read: ReadSystemFile): number {
  const group = /^0::(\/.*)$/m.exec(read('/proc/self/cgroup') ?? '')?.[1] ?? '/';
  let quota = Number.POSITIVE_INFINITY;
  for (let folder = group; ; folder = posix.dirname(folder)) {
    const text = read(posix.join('/sys/fs/cgroup', folder, 'cpu.max'));
    quota = Math.min(quota, processorsOf(text?.trim().split(' ') ?? []));
    if (folder === '/') return quota;
  }
}

// cgroup v1: a quota of -1 is none.
function legacyQuota(read: ReadSystemFile): number {
  const file = (name: string) => read(`/sys/fs/cgroup/cpu/cpu.cfs_${name}_us`) ?? '';
  return processorsOf([file('quota'), file('period')]);
}

function processorsOf([quota, period]: readonly string[]): number {
  const processors = Number.parseInt(quota, 10) / Number.parseInt(period, 10);
  return processors > 0 ? processors : Number.POSITIVE_INFINITY;
}
