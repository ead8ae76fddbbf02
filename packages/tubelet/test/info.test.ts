import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { modelDirectory } from '@tubelet/model-sprites';
import { ditCheckpoint, ditPreset } from '@tubelet/models';
import { openWeights } from '@tubelet/runtime';
import { randomWeights } from '@tubelet/testing';
import { loadPipeline, modelInfo } from 'tubelet';
import { afterAll, expect, it } from 'vitest';
import {
  type TinyPipeline,
  temporaryFolder,
  writeModel,
  writePipeline,
} from './pipelines/tiny-folder.js';
import {
  cogvideox,
  flux,
  hunyuan,
  latte,
  ltx,
  mochi,
  pixart,
  sd3,
} from './pipelines/tiny-pipelines.js';
import { safetensors } from './pipelines/weight-files.js';

const folder = await temporaryFolder();
afterAll(folder.remove);

async function written(name: string, of: TinyPipeline): Promise<string> {
  const directory = join(folder.path, name);
  await writePipeline(directory, of);
  return directory;
}

it('tells parameters and memory of each component and of all', async () => {
  const info = await modelInfo(await written('flux', flux));
  expect(info).toMatchObject({
    kind: 'pipeline',
    className: 'FluxPipeline',
    runs: true,
    problems: [],
  });
  const names = [
    'text_encoder',
    'text_encoder_2',
    'transformer',
    'vae',
    'tokenizer',
    'tokenizer_2',
    'scheduler',
  ];
  expect(info.components.map(({ name }) => name)).toEqual(names);
  const transformer = info.components[2]!;
  expect(transformer).toMatchObject({
    className: 'FluxTransformer2DModel',
    stored: { F32: transformer.parameters },
    config: { num_single_layers: 1 },
    faults: { missing: [], misshapen: [], mistyped: [], unused: [] },
  });
  const sum = info.components.reduce((total, { parameters }) => total + parameters, 0);
  const bytes = { stored: 4 * sum, f32: 4 * sum, bf16: 2 * sum, int8: sum };
  expect(info).toMatchObject({ parameters: sum, memory: bytes });
  expect(info.defaults).toMatchObject({ width: 1024, numFrames: 1, steps: 28, guidanceScale: 3.5 });
});

const everyModel = [cogvideox, flux, hunyuan, latte, ltx, mochi, pixart, sd3].flatMap((tiny) =>
  Object.entries(tiny.models).map(
    ([name, model]) => [tiny.className, name, tiny, ...model] as const,
  ),
);
it.for(everyModel)(
  'lists what is wrong with the tensors of %s: %s',
  async ([, name, tiny, className, config]) => {
    const directory = await written('wrong', tiny);
    const json = { _class_name: className, ...config };
    const kind = className.startsWith('CLIP') ? { architectures: [className], ...config } : json;
    const first = (await modelInfo(join(directory, name))).components[0]!;
    expect(first.problems).toEqual([]);
    const [one, two] = [...(await openWeights(join(directory, name))).tensors.keys()];
    const extra = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`extra.${i}`, [1]]));
    await writeModel(directory, name, className, kind, { [one!]: null, [two!]: [3, 1], ...extra });
    const { problems, runs, components } = await modelInfo(directory);
    expect(runs).toBe(false);
    const found = components.find((component) => component.name === name)!.faults!;
    expect(found).toMatchObject({
      misshapen: [expect.stringContaining(`${two} [3, 1] instead of [`)],
    });
    expect(found.missing).toHaveLength(1);
    expect(found.missing[0]).toContain(one);
    expect(problems).toEqual([
      expect.stringMatching(
        /1 missing: .*; 1 misshapen: .*; 12 unused: extra\.0, .*, extra\.9 and 2 more$/,
      ),
    ]);
    await expect(loadPipeline(directory, { threads: 1 })).rejects.toThrow(
      /must be = the \d+ of .*, got 1 missing: .*; 1 misshapen: .*; 12 unused: .* and 2 more$/,
    );
  },
);

it('says what is missing or unknown, and still tells the rest', async () => {
  const directory = await written('holes', sd3);
  await rm(join(directory, 'tokenizer_2'), { recursive: true });
  await rm(join(directory, 'vae', 'model.safetensors'));
  await writeFile(
    join(directory, 'scheduler', 'scheduler_config.json'),
    '{"_class_name": "Other"}',
  );
  const { runs, problems, parameters } = await modelInfo(directory);
  expect(runs).toBe(false);
  expect(parameters).toBeGreaterThan(1000);
  expect(problems).toHaveLength(3);
  for (const name of ['tokenizer_2', 'vae', 'scheduler'])
    expect(problems.some((problem) => problem.startsWith(`${name}: `))).toBe(true);
});

it('misses what model_index.json does not list', async () => {
  const directory = await written('unlisted', pixart);
  const path = join(directory, 'model_index.json');
  const { tokenizer, scheduler, ...index } = JSON.parse(await readFile(path, 'utf8'));
  expect({ tokenizer, scheduler }).toMatchObject({
    tokenizer: ['transformers', expect.any(String)],
  });
  await writeFile(path, JSON.stringify(index));
  expect((await modelInfo(directory)).runs).toBe(true);
  for (const name of ['tokenizer', 'scheduler'])
    await rm(join(directory, name), { recursive: true });
  const { problems } = await modelInfo(directory);
  expect(problems).toEqual([
    expect.stringMatching(/^tokenizer: .* must hold = tokenizer\.json/),
    expect.stringMatching(/^scheduler: .* must be = there/),
  ]);
});

it('knows a pipeline that does not run here by its parts', async () => {
  const { runs, problems, components } = await modelInfo(
    await written('other', { ...flux, className: 'AuraFlowPipeline' }),
  );
  expect(runs).toBe(false);
  expect(problems).toEqual(['class must be = one that runs here, got AuraFlowPipeline']);
  expect(components.every((component) => component.problems.length === 0)).toBe(true);
});

it('reads the folder of one model, and one file', async () => {
  const directory = await written('parts', pixart);
  const model = await modelInfo(join(directory, 'transformer'));
  expect(model).toMatchObject({ kind: 'model', className: 'PixArtTransformer2DModel', runs: true });
  const file = await modelInfo(join(directory, 'transformer', 'model.safetensors'));
  expect(file).toMatchObject({ kind: 'weights', runs: true, parameters: model.parameters });
  await rm(join(directory, 'transformer', 'config.json'));
  const alone = await modelInfo(join(directory, 'transformer', 'model.safetensors'));
  expect(alone).toMatchObject({ className: null, runs: false, parameters: model.parameters });
  await expect(modelInfo(join(directory, 'nowhere'))).rejects.toMatchObject({ code: 'IO' });
});

it('says of a second expert that it is not there, and so does loadPipeline', async () => {
  const directory = join(folder.path, 'experts');
  await cp(modelDirectory, directory, { recursive: true });
  const index = JSON.parse(await readFile(join(directory, 'model_index.json'), 'utf8'));
  index.transformer_2 = ['diffusers', 'WanTransformer3DModel'];
  index.boundary_ratio = 0.9;
  await writeFile(join(directory, 'model_index.json'), JSON.stringify(index));
  const { runs, problems } = await modelInfo(directory);
  expect(runs).toBe(false);
  expect(problems[0]).toMatch(/^transformer_2: .*config\.json must be = there/);
  await expect(loadPipeline(directory)).rejects.toThrow(/transformer_2.*must be = there/);
});

it('knows an original DiT, a file beside the autoencoder', async () => {
  const directory = join(folder.path, 'dit');
  await cp(join(await written('plain', pixart), 'vae'), join(directory, 'vae'), {
    recursive: true,
  });
  const config = { ...ditPreset('DiT-S/8', 8), depth: 1, classes: 4 };
  const tensors = Object.fromEntries(
    [...randomWeights(ditCheckpoint(config).graphs)].map(([name, { shape, values }]) => [
      name,
      { shape, data: Float32Array.from(values) },
    ]),
  );
  await writeFile(join(directory, 'DiT-S-8.safetensors'), safetensors(tensors));
  const info = await modelInfo(directory);
  expect(info).toMatchObject({ kind: 'pipeline', className: 'DiTPipeline', runs: true });
  expect(info.components.map(({ className }) => className)).toEqual(['DiT', 'AutoencoderKL']);
});
