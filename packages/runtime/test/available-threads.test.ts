import { expect, test } from 'vitest';
import { availableThreads } from '../src/index.js';

const system = (files: Record<string, string>) => (path: string) => files[path];

test.each([
  ['no control groups', {}, 8],
  ['no limit', { '/sys/fs/cgroup/cpu.max': 'max 100000\n' }, 8],
  ['a whole quota', { '/sys/fs/cgroup/cpu.max': '200000 100000\n' }, 2],
  ['a broken quota, rounded up', { '/sys/fs/cgroup/cpu.max': '150000 100000\n' }, 2],
  ['a tiny quota', { '/sys/fs/cgroup/cpu.max': '1000 100000\n' }, 1],
  ['a quota above the processors', { '/sys/fs/cgroup/cpu.max': '3200000 100000\n' }, 8],
  [
    'a quota of a group around ours',
    {
      '/proc/self/cgroup': '0::/pod/box\n',
      '/sys/fs/cgroup/pod/box/cpu.max': 'max 100000\n',
      '/sys/fs/cgroup/pod/cpu.max': '300000 100000\n',
    },
    3,
  ],
  [
    'version 1',
    {
      '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '400000\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
    },
    4,
  ],
  [
    'version 1 without a limit',
    {
      '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
    },
    8,
  ],
])('%s', (_, files: Record<string, string>, threads) => {
  expect(availableThreads(8, system(files))).toBe(threads);
});

test('this machine has at least one', () => {
  expect(availableThreads()).toBeGreaterThanOrEqual(1);
});
