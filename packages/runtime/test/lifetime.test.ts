import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { adalnChain } from './graphs.js';

const script = fileURLToPath(new URL('children/lifetime.mjs', import.meta.url));
const addon = fileURLToPath(new URL('../../../build/Release/tubelet.node', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tubelet-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
  readonly printed: unknown;
}

/** Runs a scenario in a process of its own; a chain of `nodes` takes about 10 µs a node. */
function live(scenario: string, nodes: number): Promise<Ending> {
  const chain = join(folder, `chain-${nodes}`);
  writeFileSync(chain, adalnChain(nodes, 64).bytes);
  const env = { TUBELET_ADDON: addon, ...process.env, TUBELET_CHAIN: chain };
  const child = spawn(process.execPath, ['--expose-gc', script, scenario], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 30_000,
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code, signal) => {
      done({ code, signal, printed: output === '' ? undefined : JSON.parse(output) });
    });
  });
}

const well = { code: 0, signal: null };

describe('a process', () => {
  test('may exit in the middle of a run', async () => {
    for (let i = 0; i < 5; i++) {
      expect(await live('exit', 1000)).toMatchObject({ code: 7, signal: null });
    }
  });

  test('may die of an exception in the middle of a run', async () => {
    expect(await live('throws', 1000)).toMatchObject({ code: 1, signal: null });
  });

  test('is not kept alive by an idle device', async () => {
    expect(await live('idle', 1)).toEqual({ ...well, printed: 'idle' });
  });

  test('is kept alive by a run', async () => {
    expect(await live('pending', 1000)).toEqual({ ...well, printed: 'settled' });
  });
});

describe('garbage collection', () => {
  test('gives back what nobody disposed', async () => {
    const { printed, ...ending } = await live('collected', 4);
    expect(ending).toEqual(well);
    const { before, after } = printed as { before: number; after: number };
    expect(before).toBeGreaterThan(20 * 2 ** 20);
    expect(after).toBeLessThanOrEqual(2 ** 20);
  });

  test('leaves a device alone whose run is awaited', async () => {
    expect(await live('promise', 2000)).toEqual({ ...well, printed: 'settled' });
  });

  test('a thousand plans made and disposed leave memory flat', async () => {
    const { printed, ...ending } = await live('flat', 20);
    expect(ending).toEqual(well);
    const { rss, bytes } = printed as { rss: number[]; bytes: number };
    expect(rss.at(-1)! - rss[1]).toBeLessThan(8 * 2 ** 20);
    expect(bytes).toBeLessThan(2 ** 20);
  });
});

describe('copies of the addon', () => {
  test('work side by side and refuse each other’s objects', async () => {
    const { printed, ...ending } = await live('copies', 2);
    expect(ending).toEqual(well);
    const { foreign, crossed, values, after } = printed as Record<string, string | number[]>;
    expect(crossed).toBe('[device] graph must be = a Graph, got an object');
    expect(foreign).toBe('[plan] inputs must be = an array of 3, got an array of 1');
    expect(values[0]).toBe(values[1]);
    expect(after).toBe(values[0]);
  });

  test('a file loaded twice is two copies', async () => {
    const { printed, ...ending } = await live('reloaded', 2);
    expect(ending).toEqual(well);
    const { crossed, values } = printed as { crossed: string; values: number[] };
    expect(crossed).toBe('[device] graph must be = a Graph, got an object');
    expect(values[0]).toBe(values[1]);
  });
});

describe('worker threads', () => {
  test('have devices of their own', async () => {
    const { printed, ...ending } = await live('workers', 2);
    expect(ending).toEqual(well);
    const { own, values } = printed as { own: number; values: number[] };
    expect(values).toEqual([own, own, own]);
  });

  test('may be terminated, exit or end at any time', async () => {
    expect(await live('terminated', 500)).toEqual({ ...well, printed: 'survived' });
  });
});
