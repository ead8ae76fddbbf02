import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { modelDirectory } from '@tubelet/model-sprites';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { temporaryFolder, tubelet } from './tubelet.js';

const files = temporaryFolder();
afterAll(files.remove);

const prompt = 'a woman in a red T-shirt walks to the left';
const quick = ['--steps', '2', '--frames', '5', '--seed', '7'];

async function generated(out: string, ...args: string[]) {
  const outcome = await tubelet('generate', prompt, '--out', out, ...quick, ...args);
  expect(outcome).toMatchObject({ code: 0 });
  return { ...outcome, file: readFileSync(out) };
}

describe('tubelet generate', () => {
  it('writes an mp4, enlarged as the model says, and tells its name and seed', async () => {
    const { file, output, errors } = await generated(files.path('a.mp4'));
    expect(file.toString('latin1', 4, 8)).toBe('ftyp');
    expect(output).toMatch(/a\.mp4 \(256x256, 5 frames at 16 a second, seed 7\) in \d+ s\n$/);
    const stages = ['loading', 'tokens', 'encoding', 'denoising', 'decoding', 'writing'];
    for (const stage of stages) expect(errors).toContain(`${stage}\n`);
    expect(errors).toMatch(/denoising 1\/2, \d+ s left\ndenoising 2\/2\n/);
    expect(errors).not.toContain('\u001b');
  });

  it('answers steps from earlier ones with --cache', async () => {
    const { file } = await generated(files.path('b.gif'), '--scale', '1', '--steps', '5');
    const cached = await generated(
      files.path('c.gif'),
      '--scale',
      '1',
      '--steps',
      '5',
      '--cache',
      'taylor=2',
    );
    expect(cached.file.equals(file)).toBe(false);
    const exact = await generated(
      files.path('d.gif'),
      '--scale',
      '1',
      '--steps',
      '5',
      '--cache',
      'first-block=0',
    );
    expect(exact.file.equals(file)).toBe(true);
  });

  it('writes a gif', async () => {
    const { file } = await generated(files.path('a.gif'), '--scale', '1', '--fps', '10');
    const { format, pages, width, pageHeight, delay } = await sharp(file, {
      animated: true,
    }).metadata();
    expect({ format, pages, width, pageHeight }).toEqual({
      format: 'gif',
      pages: 5,
      width: 64,
      pageHeight: 64,
    });
    expect(delay).toEqual(Array(5).fill(100));
  });

  it('writes a webp, wide', async () => {
    const { file } = await generated(files.path('a.webp'), '--scale', '2', '--size', '96x64');
    const { format, pages, width, pageHeight } = await sharp(file, { animated: true }).metadata();
    expect({ format, pages, width, pageHeight }).toEqual({
      format: 'webp',
      pages: 5,
      width: 192,
      pageHeight: 128,
    });
  });

  it('writes a sheet of many frames, and a still of one', async () => {
    const sheet = await generated(files.path('sheet.png'), '--scale', '1');
    expect(await sharp(sheet.file).metadata()).toMatchObject({ width: 192, height: 128 });
    const still = await generated(files.path('still.png'), '--frames', '1');
    expect(await sharp(still.file).metadata()).toMatchObject({ width: 256, height: 256 });
    expect(still.output).toContain('(256x256, 1 frame, seed 7)');
    const jpg = await generated(files.path('still.jpg'), '--frames', '1', '--size', '64x96');
    expect(await sharp(jpg.file).metadata()).toMatchObject({ format: 'jpeg', height: 384 });
  });

  it('prints one JSON object and nothing else with --json', async () => {
    const { output, errors } = await generated(files.path('b.png'), '--json');
    expect(errors).toBe('');
    const { seconds, ...result } = JSON.parse(output);
    expect(result).toEqual({
      file: files.path('b.png'),
      seed: 7,
      width: 64,
      height: 64,
      scale: 4,
      frames: 5,
      fps: 16,
      warnings: [],
      model: modelDirectory,
    });
    const names = ['loading', 'tokens', 'encoding', 'denoising', 'decoding', 'writing', 'total'];
    expect(Object.keys(seconds)).toEqual(names);
    const { total, ...stages } = seconds;
    const sum = Object.values<number>(stages).reduce((a, b) => a + b);
    expect(sum).toBeLessThanOrEqual(total);
    expect(sum).toBeGreaterThan(total / 2);
  });

  it('takes a Chinese prompt, and an empty one', async () => {
    const pictures = [];
    for (const text of ['一个女人穿着蓝色牛仔裤和白色T恤在海边散步', '']) {
      const out = files.path('text.png');
      const args = ['--out', out, '--steps', '2', '--frames', '1', '--seed', '7'];
      expect(await tubelet('generate', text, ...args)).toMatchObject({ code: 0 });
      pictures.push(readFileSync(out));
    }
    expect(pictures[0]).not.toEqual(pictures[1]);
  });

  it('warns of a prompt that is too long, with how much was dropped', async () => {
    const long = `${'walk '.repeat(100)}end`;
    const args = ['--out', files.path('long.png'), '--steps', '1', '--frames', '1'];
    const { code, errors } = await tubelet('generate', long, ...args);
    expect(code).toBe(0);
    expect(errors).toMatch(/the prompt is longer than 64 tokens: \d+ were dropped, "walk/);
    const { output } = await tubelet('generate', 'a', '--negative', long, ...args, '--json');
    expect(JSON.parse(output).warnings).toEqual([
      expect.stringMatching(/^the negative prompt is longer than 64 tokens/),
    ]);
  });

  it('holds an image as the first frame: at whole ratios without blending, else cropped', async () => {
    const side = 64;
    const square = (x: number, y: number) => (x + y) % 32 < 16;
    const raw = Buffer.from(
      Array.from({ length: side * side }, (_, i) =>
        square(i % side, Math.floor(i / side)) ? [220, 60, 40] : [40, 90, 200],
      ).flat(),
    );
    const picture = sharp(raw, { raw: { width: side, height: side, channels: 3 } });
    const small = await picture.png().toBuffer();
    const large = await sharp(small).resize(256, 256, { kernel: 'nearest' }).png().toBuffer();
    const wide = await sharp(small)
      .extend({ left: 30, right: 30, background: 'lime' })
      .png()
      .toBuffer();
    const results = [];
    for (const [name, image] of Object.entries({ small, large, wide })) {
      writeFileSync(files.path(`${name}.png`), image);
      const out = files.path(`of-${name}.png`);
      const { file } = await generated(out, '--scale', '1', '--image', files.path(`${name}.png`));
      results.push(file);
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
    const first = await sharp(results[0])
      .extract({ left: 0, top: 0, width: side, height: side })
      .removeAlpha()
      .raw()
      .toBuffer();
    const difference = first.reduce((sum, byte, i) => sum + Math.abs(byte - raw[i]!), 0);
    expect(difference / raw.length).toBeLessThan(20);
  });

  it('gives the same bytes for the same seed, whatever the threads, and others for another', async () => {
    const bytes = [];
    for (const more of [[], ['--threads', '1'], ['--threads', '2'], ['--threads', '3']]) {
      bytes.push((await generated(files.path('same.mp4'), ...more)).file);
    }
    for (const other of bytes.slice(1)) expect(other).toEqual(bytes[0]);
    expect((await generated(files.path('same.mp4'), '--seed', '8')).file).not.toEqual(bytes[0]);
  });

  it('takes another scheduler, guidance and negative prompt, each with an effect', async () => {
    const still = ['--frames', '1'];
    const variants = [
      [],
      ['--scheduler', 'flow-match-euler'],
      ['--guidance', '1'],
      ['--negative', 'a man in a blue shirt'],
    ];
    const seen = new Set<string>();
    for (const args of variants) {
      const { file } = await generated(files.path('variant.png'), ...still, ...args);
      seen.add(file.toString('base64'));
    }
    expect(seen.size).toBe(variants.length);
  });

  it('names the file after the seed without --out', async () => {
    const before = process.cwd();
    process.chdir(files.folder);
    try {
      const args = ['--steps', '1', '--frames', '1', '--seed', '12345678901'];
      const { output } = await tubelet('generate', prompt, ...args);
      expect(output).toMatch(/^tubelet-12345678901\.mp4 /);
      expect(existsSync(files.path('tubelet-12345678901.mp4'))).toBe(true);
    } finally {
      process.chdir(before);
    }
  });
});
