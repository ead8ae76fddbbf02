import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePipeline } from '../../tubelet/test/pipelines/tiny-folder.js';
import { flux, sd3 } from '../../tubelet/test/pipelines/tiny-pipelines.js';
import { temporaryFolder, tubelet } from './tubelet.js';

const files = temporaryFolder();
const model = files.path('sd3');
beforeAll(() => writePipeline(model, sd3));
afterAll(files.remove);

describe('tubelet generate --model with an image model', () => {
  const args = ['generate', 'the cat', '--model', model, '--steps', '2', '--seed', '3'];

  it('writes a png of the size asked for, the same for the same seed', async () => {
    const pictures = [];
    for (const out of ['a.png', 'b.png']) {
      const sides = ['--width', '48', '--height', '32'];
      const more = ['--guidance', '3', '--negative', 'a', '--out', files.path(out)];
      const { code, output } = await tubelet(...args, ...sides, ...more);
      expect({ code, output }).toMatchObject({
        code: 0,
        output: expect.stringContaining('48x32, 1 frame, seed 3'),
      });
      pictures.push(readFileSync(files.path(out)));
    }
    expect(pictures[1]).toEqual(pictures[0]);
    expect(await sharp(pictures[0]).metadata()).toMatchObject({
      format: 'png',
      width: 48,
      height: 32,
    });
  });

  it('names the file after the seed, and makes the size of the model', async () => {
    const before = process.cwd();
    process.chdir(files.folder);
    try {
      const { output } = await tubelet(...args);
      expect(output).toMatch(/^tubelet-3\.png \(64x64, 1 frame, seed 3\)/);
    } finally {
      process.chdir(before);
    }
  });

  it('has the options that only some models take, and refuses them for others', async () => {
    await writePipeline(files.path('flux'), flux);
    const [a, b] = [files.path('flux-a.png'), files.path('flux-b.png')];
    const of = ['generate', 'the cat', '--model', files.path('flux'), '--steps', '2'];
    const sized = [...of, '--seed', '3', '--size', '48x32', '--negative', 'a'];
    expect(await tubelet(...sized, '--out', a)).toMatchObject({ code: 0 });
    const guided = await tubelet(...sized, '--out', b, '--true-guidance-scale', '3', '--tiling');
    expect(guided).toMatchObject({ code: 0 });
    expect(readFileSync(b)).not.toEqual(readFileSync(a));
    const refused: readonly (readonly string[])[] = [
      ['--dynamic-guidance'],
      ['--no-resolution-binning'],
      ['--decode-timestep', '0.5'],
      ['--decode-noise-scale', '0.5'],
      ['--guidance-channels', 'all'],
      ['--guidance-rescale', '0.5'],
      ['--clip-skip', '1'],
    ];
    for (const flags of refused) {
      const { code, errors } = await tubelet(...sized, '--out', a, ...flags);
      expect(code).toBe(1);
      expect(errors).toContain(`${flags[0]} must be = absent for this model`);
    }
  });

  it('refuses frames, and both forms of a size', async () => {
    const frames = await tubelet(...args, '--frames', '5');
    expect(frames).toMatchObject({ code: 1 });
    expect(frames.errors).toMatch(/--frames must be = 1 for this model, got 5/);
    const sizes = await tubelet(...args, '--size', '48x32', '--width', '48');
    expect(sizes).toMatchObject({ code: 2 });
    expect(sizes.errors).toMatch(/'--width <n>' cannot be used with option '--size <WxH>'/);
  });
});
