import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { classifierFree, denoise, gaussianDiffusion } from '@tubelet/diffusion';
import { dit, ditCheckpoint, noiseLatents, packDit, parseDitConfig } from '@tubelet/models';
import { doubleArithmetic, type FixtureTensor, onAddon, randomWeights } from '@tubelet/testing';
import { type GenerateRequest, loadPipeline, type Pipeline } from 'tubelet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tensor, torchFile } from '../../../runtime/test/torch-file.js';
import { type TinyPipeline, temporaryFolder, writePipeline } from './tiny-folder.js';

const vae = {
  block_out_channels: [8, 8],
  down_block_types: Array(2).fill('DownEncoderBlock2D'),
  up_block_types: Array(2).fill('UpDecoderBlock2D'),
  norm_num_groups: 4,
  latent_channels: 4,
  scaling_factor: 0.18215,
};
const tiny: TinyPipeline = {
  className: 'DiTPipeline',
  models: {
    transformer: [
      'DiTTransformer2DModel',
      {
        num_attention_heads: 2,
        attention_head_dim: 12,
        num_layers: 2,
        in_channels: 4,
        out_channels: 8,
        sample_size: 8,
        num_embeds_ada_norm: 5,
      },
    ],
    vae: ['AutoencoderKL', vae],
  },
  scheduler: { _class_name: 'DDIMScheduler', clip_sample: false },
  index: { id2label: { 0: 'tench, Tinca tinca', 1: 'goldfish', 3: 'white shark' } },
};
const args = {
  input_size: 8,
  hidden_size: 24,
  depth: 2,
  num_heads: 2,
  num_classes: 5,
  mlp_ratio: 2,
};
const config = parseDitConfig(args);
const weights = randomWeights(ditCheckpoint(config).graphs);

/** A state dict of some tensors. */
function stateDict(tensors: ReadonlyMap<string, FixtureTensor>) {
  return Object.fromEntries(
    [...tensors].map(([name, { shape, values }], i) => {
      const data = new Uint8Array(Float32Array.from(values).buffer);
      return [name, tensor({ key: String(i), shape, data })];
    }),
  );
}

let diffusers: Pipeline;
let original: Pipeline;
const folder = await temporaryFolder();
const originalFolder = join(folder.path, 'original');
beforeAll(async () => {
  await writePipeline(join(folder.path, 'diffusers'), tiny);
  diffusers = await loadPipeline(join(folder.path, 'diffusers'), { threads: 2 });
  await writePipeline(originalFolder, tiny);
  await rm(join(originalFolder, 'model_index.json'));
  await rm(join(originalFolder, 'transformer'), { recursive: true });
  const state = stateDict(weights);
  await writeFile(join(originalFolder, 'DiT.pt'), torchFile({ ema: state, step: 4 }));
  await writeFile(join(originalFolder, 'config.json'), '{"num_heads": 2}');
  original = await loadPipeline(originalFolder, { threads: 2, dtype: 'f32' });
});
afterAll(async () => {
  await diffusers.dispose();
  await original.dispose();
  await folder.remove();
});

const request: GenerateRequest = { classLabel: 3, steps: 4, seed: 5 };

describe('a DiT', () => {
  it('makes one picture of the trained size, by default as its form does', async () => {
    expect(original.defaults).toMatchObject({
      width: 16,
      height: 16,
      steps: 250,
      guidanceScale: 4,
    });
    expect(diffusers.defaults).toMatchObject({
      width: 16,
      height: 16,
      steps: 50,
      guidanceScale: 4,
    });
    for (const pipe of [original, diffusers]) {
      const { frames, latents, width, height } = await pipe.generate(request);
      expect({ width, height, count: frames.length }).toEqual({ width: 16, height: 16, count: 1 });
      expect(latents).toHaveLength(4 * 8 * 8);
      expect(latents.every(Number.isFinite)).toBe(true);
      expect(new Set(frames[0]).size).toBeGreaterThan(16);
    }
  });

  it('of the original samples by respaced steps, the learned range, and three guided channels', async () => {
    const { latents } = await original.generate(request);
    const size = 4 * 8 * 8;
    const normal = async (stream: number) => {
      const outputs = await onAddon(
        noiseLatents(),
        new Map(),
        { key: [5, 0, stream, 0] },
        { elements: size },
      );
      return Float64Array.from(outputs.get('y')!);
    };
    const schedule = gaussianDiffusion({ clip_denoised: false }).schedule({ steps: 4 });
    const noises = await Promise.all([1, 2, 3].map(normal));
    const { sizes, inputs } = packDit(config, 2);
    const expected = await denoise<Float64Array>({
      schedule,
      guidance: classifierFree({ scale: 4, channels: 3 }),
      arithmetic: doubleArithmetic({ channels: 4 }, (index) => noises[index]!),
      registers: new Map([['sample', await normal(0)]]),
      async predict({ input, timestep }) {
        const data = { ...inputs, latents: [...input, ...input], timestep: [timestep, timestep] };
        const outputs = await onAddon(dit(config), weights, { ...data, label: [3, 5] }, sizes);
        const part = (i: number) =>
          Float64Array.from(outputs.get('prediction')!.slice(i * size, (i + 1) * size));
        return [0, 2].map((i) => ({ prediction: part(i), variance: part(i + 1) }));
      },
    });
    const largest = Math.max(...expected.map(Math.abs));
    for (const [i, value] of expected.entries())
      expect(Math.abs(latents[i]! - value)).toBeLessThan(1e-4 * largest);
  });

  it('takes any scheduler by name or config, and other guidance, each with an effect', async () => {
    const seen = new Set<string>();
    const variants: Partial<GenerateRequest>[] = [
      {},
      { scheduler: 'ddim' },
      { scheduler: 'ddpm' },
      { scheduler: 'dpm-solver++' },
      { scheduler: 'euler' },
      { scheduler: 'unipc' },
      { scheduler: { _class_name: 'DDIMScheduler', clip_sample: true, thresholding: false } },
      { scheduler: { _class_name: 'DDPMScheduler', variance_type: 'learned_range' } },
      { guidanceChannels: 'all' },
      { guidanceScale: 1 },
      { classLabel: 1 },
      { seed: 6 },
    ];
    for (const change of variants) {
      const { latents } = await original.generate({ ...request, ...change });
      expect(latents.every(Number.isFinite)).toBe(true);
      seen.add(latents.join());
    }
    expect(seen.size).toBe(variants.length);
    const plain = await diffusers.generate(request);
    const three = await diffusers.generate({ ...request, guidanceChannels: 3 });
    expect(three.latents).not.toEqual(plain.latents);
  });

  it('by its first block alone gives the bytes of all where nothing is reused, and others where it is', async () => {
    for (const pipe of [diffusers, original]) {
      const run = async (cache?: GenerateRequest['cache']) =>
        (await pipe.generate({ classLabel: 3, steps: 4, seed: 2, cache })).latents;
      const plain = await run();
      expect(await run({ kind: 'first-block', threshold: 0 })).toEqual(plain);
      expect(await run({ kind: 'first-block', threshold: 1e6 })).not.toEqual(plain);
    }
  });

  it('knows its classes by number and by name', async () => {
    const { latents } = await diffusers.generate(request);
    for (const classLabel of ['3', 'white shark', ' white shark '])
      expect((await diffusers.generate({ ...request, classLabel })).latents).toEqual(latents);
    const tench = [0, 'tench', 'Tinca tinca'].map((classLabel) =>
      diffusers.generate({ ...request, classLabel }),
    );
    const [first, ...others] = await Promise.all(tench);
    for (const other of others) expect(other.latents).toEqual(first!.latents);
  });

  const refused: readonly (readonly [string, GenerateRequest, RegExp])[] = [
    ['no class', {}, /classLabel must be = a number from 0 to 4 or a name, got none/],
    ['a class there is not', { classLabel: 5 }, /from 0 to 4 or a name, got 5$/],
    ['half a class', { classLabel: 1.5 }, /got 1.5/],
    ['a part of a name', { classLabel: 'shark' }, /got "shark"; there is white shark$/],
    ['a prompt', { classLabel: 1, prompt: 'a cat' }, /prompt must be = absent for this model/],
    ['another size', { classLabel: 1, width: 24 }, /width must be = a multiple of 16/],
    [
      'a larger size',
      { classLabel: 1, width: 32 },
      /size must be = at most 4 tokens along each axis/,
    ],
    ['frames', { classLabel: 1, numFrames: 2 }, /numFrames must be = 1/],
    [
      'a flow scheduler',
      { classLabel: 1, scheduler: 'flow-match-euler' },
      /scheduler must be = ddim or/,
    ],
    [
      'guided channels',
      { classLabel: 1, guidanceChannels: 0 },
      /channels must be = a whole number/,
    ],
  ];
  it.for(refused)('refuses %s', async ([, given, message]) => {
    await expect(diffusers.generate(given)).rejects.toThrow(message);
  });
});

describe('a folder of an original DiT', () => {
  const load = async (state: Parameters<typeof torchFile>[0], json?: object) => {
    const directory = join(folder.path, `other-${Math.random()}`);
    await mkdir(directory);
    await writePipeline(directory, tiny);
    await rm(join(directory, 'model_index.json'));
    await writeFile(join(directory, 'DiT.pt'), torchFile(state));
    if (json) await writeFile(join(directory, 'config.json'), JSON.stringify(json));
    return loadPipeline(directory, { threads: 1, dtype: 'f32' });
  };

  it('may hold the network alone, and name its classes', async () => {
    const json = { num_heads: 2, id2label: { 3: 'white shark' } };
    await using pipe = await load(stateDict(weights), json);
    const { latents } = await pipe.generate({ ...request, classLabel: 'white shark' });
    expect(latents).toEqual((await original.generate(request)).latents);
  });

  it('needs the number of heads where the width is none of the paper', async () => {
    await expect(load(stateDict(weights))).rejects.toThrow(/num_heads must be = given .* for 24/);
  });

  it('lists tensors that are missing or too many', async () => {
    const broken = new Map(weights);
    const lost = broken.get('blocks.0.attn.qkv.bias')!;
    broken.delete('blocks.0.attn.qkv.bias');
    broken.set('head.bias', lost);
    await expect(load(stateDict(broken), { num_heads: 2 })).rejects.toThrow(
      /blocks\.0\.attn\.qkv\.bias/,
    );
    await expect(load({ a: stateDict(weights) })).rejects.toThrow(
      /x_embedder\.proj\.weight must be =/,
    );
  });

  it('without a class for none is not guided', async () => {
    const own = parseDitConfig({ ...args, class_dropout_prob: 0 });
    const state = stateDict(randomWeights(ditCheckpoint(own).graphs));
    await using pipe = await load(state, { num_heads: 2, class_dropout_prob: 0 });
    await expect(pipe.generate(request)).rejects.toThrow(/guidanceScale must be = at most 1/);
    const { latents } = await pipe.generate({ ...request, guidanceScale: 1 });
    expect(latents.every(Number.isFinite)).toBe(true);
  });

  it('without a vae is not one', async () => {
    const directory = join(folder.path, 'bare');
    await mkdir(directory);
    await writeFile(join(directory, 'DiT.pt'), torchFile(stateDict(weights)));
    await expect(loadPipeline(directory)).rejects.toThrow(/model_index\.json must be = there/);
  });
});
