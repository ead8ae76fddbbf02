import { existsSync, readFileSync } from 'node:fs';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePipeline } from '../../tubelet/test/pipelines/tiny-folder.js';
import { temporaryFolder, tubelet } from './tubelet.js';

const files = temporaryFolder();
const model = files.path('model');
beforeAll(() =>
  writePipeline(model, {
    className: 'DiTPipeline',
    models: {
      transformer: [
        'DiTTransformer2DModel',
        {
          num_attention_heads: 2,
          attention_head_dim: 12,
          num_layers: 1,
          in_channels: 4,
          out_channels: 8,
          sample_size: 8,
          num_embeds_ada_norm: 5,
        },
      ],
      vae: [
        'AutoencoderKL',
        {
          block_out_channels: [8, 8],
          down_block_types: Array(2).fill('DownEncoderBlock2D'),
          up_block_types: Array(2).fill('UpDecoderBlock2D'),
          norm_num_groups: 4,
        },
      ],
    },
    scheduler: { _class_name: 'DDIMScheduler' },
    index: { id2label: { 3: 'white shark' } },
  }),
);
afterAll(files.remove);

const generate = (...args: string[]) =>
  tubelet('generate', '--model', model, '--steps', '2', '--seed', '5', ...args);

describe('tubelet generate --class', () => {
  it('makes an image of a class, by number or by name', async () => {
    const [number, name] = [files.path('3.png'), files.path('shark.png')];
    const { code, output } = await generate('--class', '3', '--out', number);
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(output).toMatch(/3\.png \(16x16, 1 frame, seed 5\)/);
    expect(await generate('--class', 'white shark', '--out', name)).toMatchObject({ code: 0 });
    expect(readFileSync(name)).toEqual(readFileSync(number));
    expect(await sharp(number).metadata()).toMatchObject({ width: 16, height: 16 });
  });

  it('makes several, each with the seed after the one before, as a sheet', async () => {
    const sheet = files.path('sheet.png');
    const { output } = await generate('--class', '3', '--count', '4', '--out', sheet);
    expect(output).toMatch(/sheet\.png \(16x16, 4 images, seed 5\)/);
    expect(await sharp(sheet).metadata()).toMatchObject({ width: 32, height: 32 });
    const second = files.path('second.png');
    await generate('--class', '3', '--seed', '6', '--out', second);
    const part = sharp(sheet).extract({ left: 16, top: 0, width: 16, height: 16 });
    expect(await part.removeAlpha().raw().toBuffer()).toEqual(
      await sharp(second).removeAlpha().raw().toBuffer(),
    );
  });

  const refused: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['a class there is not', ['--class', '5'], /--class must be = a number from 0 to 4 or a name/],
    ['a prompt beside it', ['a shark', '--class', '3'], /prompt must be = absent for this model/],
    ['none', ['--class', '3', '--count', '0'], /--count must be = a whole number from 1 to 1000/],
    ['several in a jpg', ['--class', '3', '--count', '2', '--out', 'a.jpg'], /= 1 for a \.jpg/],
  ];
  it.for(refused)('refuses %s', async ([, args, message]) => {
    const out = files.path('never.png');
    const { code, errors } = await generate('--out', out, ...args);
    expect(code).toBe(1);
    expect(errors).toMatch(message);
    expect(existsSync(out)).toBe(false);
  });

  it('is refused by a model of prompts', async () => {
    const { code, errors } = await tubelet(
      'generate',
      '--class',
      '3',
      '--out',
      files.path('a.mp4'),
    );
    expect(code).toBe(1);
    expect(errors).toMatch(/prompt must be = text|--class must be = absent/);
  });
});
