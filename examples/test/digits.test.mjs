import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openDevice, openWeights, readValues, weightsOf } from '@tubelet/runtime';
import { readImage } from 'tubelet';
import { afterAll, describe, expect, it } from 'vitest';
import { digitsModel } from '../digits/model.mjs';
import { openNetwork } from '../digits/sample.mjs';

const folder = join(import.meta.dirname, '../digits');
const goldens = process.env.TUBELET_GOLDENS ?? join(folder, '../../../shared/goldens');
const assets = join(goldens, '../assets/dit-mnist');
const out = mkdtempSync(join(tmpdir(), 'tubelet-digits-'));
afterAll(() => rmSync(out, { recursive: true }));

// The trained weights are not part of the repository.
describe.skipIf(!existsSync(assets))('digits, with the trained weights of ../shared/assets', () => {
  it('answers as the original code', async () => {
    const device = openDevice();
    const io = await openWeights(join(assets, 'forward.safetensors'));
    const [x, sigma, y, expected] = await Promise.all(
      ['x', 'sigma', 'y', 'D'].map((name) => readValues(io, name)),
    );
    const weights = await openWeights(join(assets, 'model.safetensors'));
    const network = await openNetwork(device, weights, y.length);
    const got = await network(x, [...sigma], [...y]);
    device.dispose();
    expect(got.length).toBe(expected.length);
    for (const [i, value] of expected.entries())
      expect(Math.abs(got[i] - value)).toBeLessThan(1e-5);
  });

  it('draws the digits that are asked for, and a sheet of them', async () => {
    const main = join(folder, 'main.mjs');
    const { stdout } = await promisify(execFile)(process.execPath, [main, out, assets]);
    const [, right] = /(\d+) of 100 are read as the digit/.exec(stdout);
    expect(Number(right)).toBeGreaterThanOrEqual(95);
    const { width, height } = await readImage(join(out, 'digits.png'));
    expect({ width, height }).toEqual({ width: 560, height: 560 });
  }, 300_000);
});

describe('digits', () => {
  it('is a network whose images do not see each other', async () => {
    const device = openDevice({ threads: 1 });
    const random = (count, seed) =>
      Float32Array.from({ length: count }, (_, i) => Math.sin(i + seed));
    const sources = digitsModel.weights.flatMap((request) => request.sources);
    const tensors = sources.map(({ names, shape }, seed) => {
      const data = random(
        shape.reduce((product, size) => product * size, 1),
        seed,
      );
      return [names[0], { shape, data: data.map((value) => value / 8) }];
    });
    const weights = weightsOf(Object.fromEntries(tensors));
    const [a, b] = [random(784, 0.5), random(784, 7)];
    const alone = await (await openNetwork(device, weights, 1))(b, [0.3], [4]);
    const network = await openNetwork(device, weights, 2);
    const together = await network(Float32Array.of(...a, ...b), [20, 0.3], [9, 4]);
    device.dispose();
    expect(together.slice(784)).toEqual(alone);
    expect(new Set(alone).size).toBeGreaterThan(700);
  });

  it('says where its weights must be', async () => {
    const run = promisify(execFile)(process.execPath, [join(folder, 'main.mjs'), out, '/nowhere']);
    await expect(run).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('the weights must be = in /nowhere, got no such folder'),
    });
  });
});
