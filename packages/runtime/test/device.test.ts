import { afterEach, describe, expect, test, vi } from 'vitest';
import { availableThreads, devices, openDevice, readInt32, upload } from '../src/index.js';

afterEach(() => vi.unstubAllEnvs());

test('devices() says what was found and why the rest was not', () => {
  const found = devices();
  const cpu = found.find(({ kind }) => kind === 'cpu');
  expect(cpu).toMatchObject({ available: true });
  expect(cpu?.levels?.map(({ isa }) => isa)).toContain('baseline');
  for (const description of [...found, ...(cpu?.levels ?? [])]) {
    expect(description.available || (description.reason ?? '') !== '').toBe(true);
  }
});

describe('openDevice', () => {
  test('uses the threads that are available', () => {
    vi.stubEnv('TUBELET_THREADS', '');
    using device = openDevice();
    expect(device.kind).toBe('cpu');
    expect(device.threads).toBe(availableThreads());
  });

  test('takes options before the environment', () => {
    vi.stubEnv('TUBELET_THREADS', '3');
    vi.stubEnv('TUBELET_ISA', 'baseline');
    using first = openDevice();
    expect([first.threads, first.isa]).toEqual([3, 'baseline']);
    using second = openDevice({ threads: 1 });
    expect([second.threads, second.isa]).toEqual([1, 'baseline']);
  });

  test('opens the kind that TUBELET_DEVICE names', () => {
    vi.stubEnv('TUBELET_DEVICE', 'gpu');
    expect(() => openDevice()).toThrow('kind must be one of = cpu, cuda, got "gpu"');
    using device = openDevice({ kind: 'cpu' });
    expect(device.kind).toBe('cpu');
  });

  test.each(['0', '1.5', 'many', '1025', '-1'])('refuses TUBELET_THREADS=%s', (threads) => {
    vi.stubEnv('TUBELET_THREADS', threads);
    expect(openDevice).toThrow('[device] TUBELET_THREADS must be = a whole number from 1 to 1024');
  });

  test('refuses unknown options and sets', () => {
    expect(() => openDevice({ thread: 1 } as never)).toThrow(
      '[device] options must be = kind, threads, isa, got "thread"',
    );
    vi.stubEnv('TUBELET_ISA', 'mmx');
    expect(openDevice).toThrow(/^\[device] isa must be one of = .*, got "mmx"/);
  });

  test('can be awaited by `await using`', async () => {
    await using device = openDevice({ threads: 1 });
    const buffer = await upload(device, Int32Array.of(1, -2, 3));
    expect([...(await readInt32(buffer))]).toEqual([1, -2, 3]);
    expect([...(await readInt32(buffer, 2))]).toEqual([1, -2]);
    expect(device.bytesInUse).toBe(12);
    buffer.dispose();
    expect(device.bytesInUse).toBe(0);
  });
});
