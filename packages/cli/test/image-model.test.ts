import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePipeline } from '../../tubelet/test/pipelines/tiny-folder.js';
import { sd3 } from '../../tubelet/test/pipelines/tiny-pipelines.js';
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

  it('refuses frames, and both forms of a size', async () => {
    const frames = await tubelet(...args, '--frames', '5');
    expect(frames).toMatchObject({ code: 1 });
    expect(frames.errors).toMatch(/--frames must be = 1 for this model, got 5/);
    const sizes = await tubelet(...args, '--size', '48x32', '--width', '48');
    expect(sizes).toMatchObject({ code: 2 });
    expect(sizes.errors).toMatch(/'--width <n>' cannot be used with option '--size <WxH>'/);
  });
});
