import { mkdirSync, writeFileSync } from 'node:fs';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeModel } from '../../tubelet/test/pipelines/tiny-folder.js';
import { temporaryFolder, tubelet } from './tubelet.js';

const files = temporaryFolder();
const json = {
  model_type: 'vit',
  architectures: ['ViTForImageClassification'],
  hidden_size: 12,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 16,
  image_size: 8,
  patch_size: 4,
  id2label: { 0: 'cat', 1: 'dog', 2: 'fish' },
};
beforeAll(async () => {
  mkdirSync(files.path('model'));
  const positions = { 'vit.embeddings.position_embeddings': [1, 5, 12] };
  await writeModel(files.folder, 'model', 'ViTForImageClassification', json, positions);
  writeFileSync(files.path('model/config.json'), JSON.stringify(json));
  const create = { width: 20, height: 10, channels: 3, background: 'teal' } as const;
  await sharp({ create }).png().toFile(files.path('a.png'));
});
afterAll(files.remove);

describe('tubelet classify', () => {
  const image = () => files.path('a.png');
  const model = ['--model', files.path('model')];

  it('prints classes with their scores, the likeliest first', async () => {
    const { code, output } = await tubelet('classify', image(), ...model);
    expect(code).toBe(0);
    expect(output).toMatch(/^(\d\.\d{3} {2}(cat|dog|fish)\n){3}$/);
    const scores = output.split('\n').map(Number.parseFloat).slice(0, 3);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expect(scores.reduce((a, b) => a + b)).toBeCloseTo(1, 2);
  });

  it('prints a JSON array of as many as are asked for', async () => {
    const { output } = await tubelet('classify', image(), ...model, '--top', '1', '--json');
    const [first, ...rest] = JSON.parse(output);
    expect(rest).toEqual([]);
    expect(Object.keys(first)).toEqual(['label', 'score']);
  });

  it('refuses a missing model, another folder, a missing image, and no classes', async () => {
    const none = await tubelet('classify', image());
    expect(none).toMatchObject({ code: 2, output: '' });
    expect(none.errors).toMatch(/required option '--model <folder>' not specified/);
    const other = await tubelet('classify', image(), '--model', files.folder);
    expect(other).toMatchObject({ code: 1, output: '' });
    expect(other.errors).toMatch(/config\.json must be = there/);
    const missing = await tubelet('classify', files.path('b.png'), ...model);
    expect(missing).toMatchObject({ code: 1, output: '' });
    expect(missing.errors).toMatch(/image must be = a readable image file, got .*b\.png/);
    const top = await tubelet('classify', image(), ...model, '--top', '0');
    expect(top).toMatchObject({ code: 2, output: '' });
  });
});
