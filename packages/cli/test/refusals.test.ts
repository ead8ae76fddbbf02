import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { temporaryFolder, tubelet } from './tubelet.js';

const files = temporaryFolder();
afterAll(files.remove);

/** One sentence, no stack, and no file. */
async function refused(code: number, ...args: string[]): Promise<string> {
  const outcome = await tubelet('generate', ...args);
  expect(outcome).toMatchObject({ code, output: '' });
  expect(outcome.errors).not.toMatch(/^\s+at /m);
  expect(outcome.errors.split('\n').filter((line) => line.startsWith('tubelet: '))).toHaveLength(1);
  return outcome.errors;
}

describe('tubelet generate refuses', () => {
  const out = files.path('never.mp4');
  const failing: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['a width', ['--size', '70x64'], /--size: width must be = .* 64 and 80, got 70/],
    ['a height', ['--size', '64x8'], /--size: height must be = .* nearest being 16, got 8/],
    ['no size', ['--size', '0x0'], /--size: width must be = /],
    ['an enormous size', ['--size', '65536x64'], /--size: width must be = .* up to 16384/],
    [
      'frames',
      ['--frames', '15'],
      /--frames must be = 4k \+ 1 up to 99997, the nearest being 13 and 17, got 15/,
    ],
    ['no frames', ['--frames', '0'], /--frames must be = .* nearest being 1, got 0/],
    ['no steps', ['--steps', '0'], /--steps must be = 1 to 1000, got 0/],
    ['a guidance', ['--guidance', '-2'], /--guidance must be = a number from 0, got -2/],
    ['a frame rate', ['--fps', '0'], /--fps must be = /],
    ['a scale', ['--scale', '0'], /--scale must be = a whole number from 1 to 64, got 0/],
    ['a cache', ['--cache', 'first-block=-1'], /threshold must be = a number from 0, got -1/],
    ['threads', ['--threads', '0'], /threads must be = .* got 0/],
    [
      'a LoRA',
      ['--lora', files.path('none.safetensors=0.5')],
      /none\.safetensors must be = readable/,
    ],
    [
      'a transformer',
      ['--transformer', import.meta.filename],
      /header length in refusals\.test\.ts must be = /,
    ],
    [
      'a model folder',
      ['--model', files.path('nowhere')],
      /directory must be = a diffusers folder/,
    ],
    ['a model file', ['--model', import.meta.filename], /a diffusers folder, got a file/],
    ['an image', ['--image', files.path('nowhere.png')], /image must be = .*nowhere\.png/],
    ['no image', ['--image', import.meta.filename], /image must be = a readable image file/],
    [
      'a last image',
      ['--last-image', 'docs/frames.png'],
      /--last-image must be = absent for this model/,
    ],
    ['no last image', ['--last-image', files.path('no.png')], /image must be = .*no\.png/],
    [
      'a second scale',
      ['--guidance2', '3'],
      /--guidance2 must be = absent for this model, got one/,
    ],
    [
      'a second transformer',
      ['--transformer2', import.meta.filename],
      /transformer2 must be = absent for a model of one transformer/,
    ],
    [
      'a LoRA of a second transformer',
      ['--lora2', 'a.safetensors=2'],
      /loras2 must be = absent for a model of one transformer/,
    ],
  ];
  it.for(failing)('%s', async ([, args, message]) => {
    expect(await refused(1, 'a', '--out', out, ...args)).toMatch(message);
    expect(existsSync(out)).toBe(false);
  });

  const outputs: readonly (readonly [string, string, RegExp])[] = [
    ['a missing output folder', 'no/such/a.mp4', /output folder must be = an existing folder/],
    ['a folder as output', 'folder.mp4', /output must be = a file, got .*folder\.mp4/],
    ['a file as output folder', 'file/a.mp4', /output folder must be = a(n existing)? folder/],
    ['an unknown extension', 'a.avi', /extension must be = \.mp4, \.gif, \.webp, \.png/],
    ['no extension', 'a', /extension must be = /],
  ];
  it.for(outputs)('%s before any work', async ([, path, message]) => {
    mkdirSync(files.path('folder.mp4'), { recursive: true });
    writeFileSync(files.path('file'), '');
    const errors = await refused(1, 'a', '--out', files.path(path));
    expect(errors).toMatch(message);
    expect(errors).not.toContain('loading');
  });

  it('many frames in a jpg, before it makes them', async () => {
    const errors = await refused(1, 'a', '--out', files.path('a.jpg'));
    expect(errors).toMatch(/--frames must be = 1 for a \.jpg, got 17/);
    expect(errors).not.toContain('tokens');
  });

  // Root may write everywhere.
  it.skipIf(process.getuid?.() === 0)('an output folder that is not writable', async () => {
    mkdirSync(files.path('locked'), { mode: 0o500 });
    expect(await refused(1, 'a', '--out', files.path('locked/a.mp4'))).toMatch(/writable/);
  });

  const usage: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['no prompt', [], /missing required argument 'prompt'/],
    ['two prompts', ['a', 'b'], /too many arguments/],
    [
      'an unknown option',
      ['a', '--sede', '1'],
      /unknown option '--sede'\n\(Did you mean --seed\?\)/,
    ],
    ['an option without its value', ['a', '--seed'], /argument missing/],
    ['a word as a number', ['a', '--frames', 'many'], /'many' is invalid.*whole number/],
    ['half a step', ['a', '--steps', '2.5'], /'2.5' is invalid/],
    ['a seed below 0', ['a', '--seed', '-1'], /'-1' is invalid/],
    ['a seed past 2^53', ['a', '--seed', '9007199254740993'], /is invalid/],
    ['an infinite guidance', ['a', '--guidance', '1e999'], /is invalid/],
    ['another form of size', ['a', '--size', '64'], /'64' is invalid.*WIDTHxHEIGHT/],
    ['a word as a scale', ['a', '--true-guidance-scale', 'x'], /'x' is invalid.*a number/],
    ['half a channel', ['a', '--guidance-channels', '0.5'], /whole number or all/],
    ['an unknown cache', ['a', '--cache', 'all'], /'all' is invalid.*first-block=THRESHOLD/],
    ['an unknown scheduler', ['a', '--scheduler', 'lms'], /unipc, flow-match-euler/],
  ];
  it.for(usage)('%s, with the usage', async ([, args, message]) => {
    const errors = await refused(2, ...args);
    expect(errors).toMatch(message);
    expect(errors).toContain('Usage: tubelet generate [options] "<prompt>"');
  });

  it('with the stack with --debug', async () => {
    const { code, errors } = await tubelet(
      'generate',
      'a',
      '--out',
      out,
      '--steps',
      '0',
      '--debug',
    );
    expect(code).toBe(1);
    expect(errors).toMatch(/code: 'BAD_INPUT'/);
    expect(errors).toMatch(/^\s+at /m);
  });

  it('and leaves nothing behind', () => {
    const left = readdirSync(files.folder).filter(
      (name) => !/^(folder\.mp4|file|locked)$/.test(name),
    );
    expect(left).toEqual([]);
  });
});

describe('tubelet', () => {
  it('prints its version, alone and of a command', async () => {
    for (const args of [['--version'], ['generate', '--version']])
      expect(await tubelet(...args)).toEqual({ code: 0, output: '0.1.0\n', errors: '' });
  });

  it('prints help with groups, defaults and examples', async () => {
    const { code, output } = await tubelet('generate', '--help');
    expect(code).toBe(0);
    for (const text of ['Result:', 'Denoising:', '(default: 64x64)', '(default: 20)', 'Examples:'])
      expect(output).toContain(text);
  });

  it('prints help and fails without a command, and refuses an unknown one', async () => {
    const nothing = await tubelet();
    expect(nothing).toMatchObject({ code: 2, output: '' });
    expect(nothing.errors).toContain('Usage: tubelet');
    const unknown = await tubelet('generat', 'a');
    expect(unknown).toMatchObject({ code: 2, output: '' });
    expect(unknown.errors).toContain('Did you mean generate?');
  });

  it('says what was found of this machine', async () => {
    const { code, output } = await tubelet('devices');
    expect(code).toBe(0);
    expect(output).toMatch(/^cpu: available, \d+ threads?\n/);
    expect(output).toMatch(/ {2}baseline +yes\n/);
    const list = JSON.parse((await tubelet('devices', '--json')).output);
    expect(list[0]).toMatchObject({ kind: 'cpu', available: true });
    for (const { available, reason } of list) expect(available || reason).toBeTruthy();
  });
});
