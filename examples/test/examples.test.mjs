import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';

const folder = join(import.meta.dirname, '..');
const out = mkdtempSync(join(tmpdir(), 'tubelet-examples-'));
const run = async (name) => {
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, name), out]);
  return stdout;
};

afterAll(() => rmSync(out, { recursive: true }));

// They run as they stand, on the built packages.
describe('examples', () => {
  it('text-to-video.mjs', async () => {
    expect(await run('text-to-video.mjs')).toContain('17 frames of 64x64, seed 3');
    expect(readdirSync(out)).toContain('beach.mp4');
  });

  it('image-to-video.mjs', async () => {
    const [, difference] = /differs from the still by ([\d.]+)/.exec(
      await run('image-to-video.mjs'),
    );
    expect(Number(difference)).toBeLessThan(8);
    expect(readdirSync(out)).toEqual(expect.arrayContaining(['forest.png', 'forest.gif']));
  });

  it('time-limit.mjs', async () => {
    expect(await run('time-limit.mjs')).toBe(
      'stopped: TimeoutError\nand used again: a still of 64x64\n',
    );
  });

  it('own-graph.mjs', async () => {
    const text = await run('own-graph.mjs');
    expect(text).toMatch(/adaln by adaln\.\w+/);
    expect(text).toMatch(/linear by linear\.\w+/);
    expect(text).toContain('a gate of 0 leaves x as it is: true');
  });

  it('are all tested and in the README', () => {
    const programs = readdirSync(folder).filter((name) => name.endsWith('.mjs'));
    expect(programs.sort()).toEqual([
      'image-to-video.mjs',
      'own-graph.mjs',
      'text-to-video.mjs',
      'time-limit.mjs',
    ]);
  });
});
