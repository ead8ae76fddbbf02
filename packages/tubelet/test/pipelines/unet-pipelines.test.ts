import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type GenerateRequest, loadPipeline, modelInfo, type Pipeline } from 'tubelet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TinyPipeline, temporaryFolder, writeModel, writePipeline } from './tiny-folder.js';
import {
  animateDiff,
  distilled,
  stableDiffusion,
  stableDiffusion2,
  stableDiffusionXl,
  textToVideo,
} from './tiny-unets.js';
import { safetensors } from './weight-files.js';

const picture: GenerateRequest = { prompt: 'the cat', width: 40, height: 24, steps: 3, seed: 5 };
const clip: GenerateRequest = { ...picture, numFrames: 3 };
const kinds = {
  'Stable Diffusion': { tiny: stableDiffusion, request: picture, frames: 1 },
  'Stable Diffusion XL': { tiny: stableDiffusionXl, request: picture, frames: 1 },
  'text to video': { tiny: textToVideo, request: clip, frames: 3 },
  AnimateDiff: { tiny: animateDiff, request: clip, frames: 3 },
};
type Kind = keyof typeof kinds;

const pipes = new Map<Kind, Pipeline>();
const folder = await temporaryFolder();
const pathOf = (name: string) => join(folder.path, name);
beforeAll(async () => {
  for (const [kind, { tiny }] of Object.entries(kinds)) {
    await writePipeline(pathOf(kind), tiny);
    pipes.set(kind as Kind, await loadPipeline(pathOf(kind), { threads: 2, dtype: 'f32' }));
  }
});
afterAll(async () => {
  for (const pipe of pipes.values()) await pipe.dispose();
  await folder.remove();
});

/** Another folder, and what becomes of loading it. */
async function load(name: string, tiny: TinyPipeline, options = {}): Promise<Pipeline> {
  await writePipeline(pathOf(name), tiny);
  return loadPipeline(pathOf(name), { threads: 1, dtype: 'f32', ...options });
}

/** The same with other options of some configs. */
function changed(tiny: TinyPipeline, part: string, options: object): TinyPipeline {
  const [className, json] = tiny.models[part]!;
  return { ...tiny, models: { ...tiny.models, [part]: [className, { ...json, ...options }] } };
}

describe.for(Object.keys(kinds) as Kind[])('%s', (kind) => {
  const pipe = () => pipes.get(kind)!;
  const { request, frames: count } = kinds[kind];

  it('makes frames of the size asked for', async () => {
    const { frames, latents, warnings } = await pipe().generate(request);
    expect(frames.map((frame) => frame.length)).toEqual(Array(count).fill(40 * 24 * 3));
    expect(latents).toHaveLength(4 * count * 5 * 3);
    expect(latents.every(Number.isFinite)).toBe(true);
    expect(new Set(frames[0]).size).toBeGreaterThan(16);
    expect(warnings).toEqual([]);
  });

  it('gives each of several requests the bytes it has alone', async () => {
    const requests = [
      request,
      { ...request, height: 32, seed: 6, prompt: 'a' },
      { ...request, guidanceScale: 1 },
      { ...request, seed: 7 },
    ];
    const together = await Promise.all(requests.map((each) => pipe().generate(each)));
    for (const [i, each] of requests.entries()) {
      const alone = await pipe().generate(each);
      expect(alone.latents).toEqual(together[i]!.latents);
      expect(alone.frames).toEqual(together[i]!.frames);
    }
    expect(new Set(together.map(({ latents }) => latents.join())).size).toBe(requests.length);
  });

  it('follows given latents instead of the seed', async () => {
    const latents = new Float32Array(4 * count * 5 * 3).fill(0.5);
    const [a, b] = [
      await pipe().generate({ ...request, latents, seed: 1 }),
      await pipe().generate({ ...request, latents, seed: 2 }),
    ];
    expect(a.latents).toEqual(b.latents);
  });

  it('takes every scheduler by name, each with an effect', async () => {
    const names = [
      'ddim',
      'ddpm',
      'dpm-solver++',
      'euler',
      'euler-ancestral',
      'heun',
      'lcm',
      'pndm',
      'unipc',
    ] as const;
    const seen = new Set<string>();
    for (const scheduler of names) {
      const { latents } = await pipe().generate({ ...request, scheduler });
      expect(latents.every(Number.isFinite)).toBe(true);
      seen.add(latents.join());
    }
    expect(seen.size).toBe(names.length);
  });

  it('answers some steps from earlier ones, but has no first block', async () => {
    const cache = { kind: 'taylor', interval: 2 } as const;
    const reused: boolean[] = [];
    const onStep = ({ isReused }: { isReused: boolean }) => void reused.push(isReused);
    await pipe().generate({ ...request, steps: 5, cache, onStep, scheduler: 'ddim' });
    expect(reused).toContain(true);
    const firstBlock = { kind: 'first-block', threshold: 0.1 } as const;
    await expect(pipe().generate({ ...request, cache: firstBlock })).rejects.toThrow(
      /kind must be = taylor for this model/,
    );
  });

  it('runs in bfloat16 and in 8 bits, near the same', async () => {
    const { latents } = await pipe().generate(request);
    for (const [dtype, most] of [
      ['bf16', 0.1],
      ['int8', 0.4],
    ] as const) {
      await using other = await loadPipeline(pathOf(kind), { threads: 1, dtype });
      const found = (await other.generate(request)).latents;
      const size = Math.hypot(...latents);
      expect(Math.hypot(...found.map((value, i) => value - latents[i]!)) / size).toBeLessThan(most);
    }
  });

  it('merges LoRAs of its U-Net, in the names of diffusers and of kohya', async () => {
    const values = (shape: readonly number[], value: number) => ({
      shape,
      data: new Float32Array(shape[0]! * shape[1]!).fill(value),
    });
    const layer = 'down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q';
    const path = pathOf('lora.safetensors');
    await writeFile(
      path,
      safetensors({
        [`unet.${layer}.lora_A.weight`]: values([1, 8], 0.5),
        [`unet.${layer}.lora_B.weight`]: values([8, 1], 0.5),
      }),
    );
    const kohya = pathOf('kohya.safetensors');
    const name = `lora_unet_${layer.replaceAll('.', '_')}`;
    const up = { [`${name}.lora_up.weight`]: values([8, 1], 0.5) };
    const tensors = { [`${name}.lora_down.weight`]: values([1, 8], 0.5), ...up };
    await writeFile(kohya, safetensors(tensors));
    const { latents } = await pipe().generate(request);
    const results: string[] = [];
    for (const file of [path, kohya]) {
      await using other = await loadPipeline(pathOf(kind), {
        dtype: 'f32',
        loras: [{ path: file }],
      });
      results.push((await other.generate(request)).latents.join());
    }
    expect(results[0]).toBe(results[1]);
    expect(results[0]).not.toBe(latents.join());
    await using unmerged = await loadPipeline(pathOf(kind), { dtype: 'f32' });
    const asked = await unmerged.generate({ ...request, loras: [{ path }] });
    expect(asked.latents.join()).toBe(results[0]);
    await writeFile(path, safetensors({ 'lora_te_layers_0.lora_up.weight': values([1, 1], 1) }));
    await expect(loadPipeline(pathOf(kind), { loras: [{ path }] })).rejects.toThrow(
      /1 that map to no layer: lora_te_layers_0/,
    );
  });

  it('is known to info, and its parts fit', async () => {
    const { runs, problems, defaults } = await modelInfo(pathOf(kind));
    expect(problems).toEqual([]);
    expect(runs).toBe(true);
    expect(defaults).toEqual(pipe().defaults);
  });

  const refused: readonly (readonly [string, Record<string, unknown>, RegExp])[] = [
    [
      'a width',
      { width: 36 },
      /width must be = a multiple of 8 .* the nearest being 32 and 40, got 36/,
    ],
    ['a height', { height: 0 }, /height must be = a multiple of 8/],
    ['no prompt', { prompt: undefined }, /prompt must be = text, got undefined/],
    ['half a frame', { numFrames: 2.5 }, /numFrames must be = /],
    ['an image', { image: new Uint8Array() }, /image must be = absent for this model/],
    ['blocks', { clipSkip: 4 }, /clipSkip must be = a whole number from 0 to [23], got 4/],
    ['half a block', { clipSkip: 0.5 }, /clipSkip must be = .* got 0.5/],
    ['a scale', { guidanceScale: -1 }, /guidanceScale must be = a number from 0/],
    ['an unknown option', { guidance_scale: 5 }, /options must be = .* got guidance_scale$/],
    [
      'a flow scheduler',
      { scheduler: 'flow-match-euler' },
      /scheduler must be = ddim or .* got flow/,
    ],
    [
      'an unknown scheduler',
      { scheduler: { _class_name: 'LMSDiscreteScheduler' } },
      /_class_name must be = .* got LMSDiscreteScheduler/,
    ],
    [
      'a scheduler with an unknown option',
      { scheduler: { _class_name: 'DDIMScheduler', order: 2 } },
      /got order/,
    ],
    ['steps', { steps: 0 }, /steps must be = 1 to 1000/],
    ['latents', { latents: new Float32Array(7) }, /latents must be = a Float32Array of \d+ values/],
  ];
  it.for(refused)('refuses %s', async ([, change, message]) => {
    await expect(pipe().generate({ ...request, ...change })).rejects.toThrow(message);
  });
});

describe('options of some', () => {
  const effect = async (kind: Kind, change: Partial<GenerateRequest>) => {
    const { request } = kinds[kind];
    const plain = await pipes.get(kind)!.generate(request);
    const { latents } = await pipes.get(kind)!.generate({ ...request, ...change });
    return Math.max(...latents.map((value, i) => Math.abs(value - plain.latents[i]!)));
  };
  const size = { width: 512, height: 512 };
  const effects: readonly (readonly [Kind, Partial<GenerateRequest>])[] = [
    ['Stable Diffusion', { clipSkip: 1 }],
    ['Stable Diffusion', { guidanceRescale: 0.7 }],
    ['Stable Diffusion', { negativePrompt: 'cats' }],
    ['Stable Diffusion XL', { clipSkip: 2 }],
    ['Stable Diffusion XL', { guidanceRescale: 0.7 }],
    ['Stable Diffusion XL', { negativePrompt: '' }],
    ['Stable Diffusion XL', { sizeConditions: { original: size } }],
    ['Stable Diffusion XL', { sizeConditions: { crop: { left: 9, top: 0 } } }],
    ['Stable Diffusion XL', { negativeSizeConditions: { target: size } }],
    ['text to video', { clipSkip: 3 }],
    ['AnimateDiff', { negativePrompt: 'cats' }],
  ];
  it.for(effects)('%s: %o has an effect', async ([kind, change]) => {
    expect(await effect(kind, change)).toBeGreaterThan(1e-4);
  });

  it('an empty negative prompt is none for all but XL', async () => {
    expect(await effect('Stable Diffusion', { negativePrompt: '', clipSkip: 0 })).toBe(0);
    expect(await effect('Stable Diffusion XL', { sizeConditions: {} })).toBe(0);
  });

  const refused: readonly (readonly [Kind, Record<string, unknown>, RegExp])[] = [
    ['Stable Diffusion', { numFrames: 2 }, /numFrames must be = 1 for this model/],
    ['Stable Diffusion', { sizeConditions: {} }, /sizeConditions must be = absent for this model/],
    [
      'Stable Diffusion',
      { guidanceRescale: 2 },
      /guidanceRescale must be = a number from 0 to 1, got 2/,
    ],
    [
      'Stable Diffusion XL',
      { sizeConditions: { size } },
      /sizeConditions must be = original, crop, target, got size/,
    ],
    [
      'Stable Diffusion XL',
      { sizeConditions: { crop: { top: 1 } } },
      /sizeConditions\.crop must be = whole numbers left and top from 0/,
    ],
    [
      'Stable Diffusion XL',
      { negativeSizeConditions: 7 },
      /negativeSizeConditions must be = original, crop, target, got 7/,
    ],
    ['text to video', { guidanceRescale: 0.5 }, /guidanceRescale must be = absent for this model/],
    [
      'AnimateDiff',
      { numFrames: 5 },
      /numFrames must be = 1k \+ 1 up to 4, the nearest being 4, got 5/,
    ],
  ];
  it.for(refused)('%s refuses %o', async ([kind, change, message]) => {
    const request = { ...kinds[kind].request, ...change };
    await expect(pipes.get(kind)!.generate(request)).rejects.toThrow(message);
  });
});

describe('a folder', () => {
  it('of Stable Diffusion has its scheduler set right', async () => {
    const right = { ...stableDiffusion2.scheduler, clip_sample: false, steps_offset: 1 };
    await using pipe = await load('sd2', stableDiffusion2);
    const { latents } = await pipe.generate(picture);
    const same = await pipe.generate({ ...picture, scheduler: right });
    expect(same.latents).toEqual(latents);
    const asGiven = await pipe.generate({ ...picture, scheduler: stableDiffusion2.scheduler });
    expect(asGiven.latents).not.toEqual(latents);
  });

  it('has the defaults of its U-Net and pipeline', async () => {
    const defaultsOf = (kind: Kind) => pipes.get(kind)!.defaults;
    const all = { width: 64, height: 64, steps: 50 };
    expect(defaultsOf('Stable Diffusion')).toMatchObject({ ...all, guidanceScale: 7.5 });
    expect(defaultsOf('Stable Diffusion XL')).toMatchObject({ ...all, guidanceScale: 5 });
    expect(defaultsOf('text to video')).toMatchObject({ ...all, guidanceScale: 9, numFrames: 16 });
    expect(defaultsOf('AnimateDiff')).toMatchObject({ ...all, guidanceScale: 7.5, fps: 8 });
    const sized = async (options: object) => {
      await using pipe = await load('sized', changed(stableDiffusion, 'unet', options));
      return [pipe.defaults.width, pipe.defaults.height];
    };
    expect(await sized({ sample_size: [6, 10] })).toEqual([80, 48]);
    expect(await sized({ sample_size: null })).toEqual([512, 512]);
    expect(await sized({ sample_size: 32, _diffusers_version: '0.6.0' })).toEqual([512, 512]);
    expect(await sized({ sample_size: 32, _diffusers_version: '0.14.0' })).toEqual([256, 256]);
    await expect(sized({ sample_size: 'large' })).rejects.toThrow(/sample_size must be = a whole/);
  });

  it('of a consistency model is not guided, whatever its scale', async () => {
    await using pipe = await load('distilled', distilled);
    expect(pipe.check({ ...picture, guidanceScale: 8 }).guided).toBe(false);
    const at = async (guidanceScale: number) =>
      (await pipe.generate({ ...picture, guidanceScale, scheduler: 'lcm' })).latents.join();
    expect(await at(8)).not.toBe(await at(1));
  });

  it('of XL may be without the first encoder, and without zeros for no negative prompt', async () => {
    const { text_encoder_2, unet, vae } = stableDiffusionXl.models;
    const alone: TinyPipeline = {
      ...changed(stableDiffusionXl, 'unet', { cross_attention_dim: 8 }),
      index: { force_zeros_for_empty_prompt: false },
      tokenizers: { tokenizer_2: 'clip' },
    };
    const models = { text_encoder_2: text_encoder_2!, unet: alone.models.unet ?? unet!, vae: vae! };
    await using pipe = await load('alone', { ...alone, models });
    const { latents } = await pipe.generate(picture);
    const empty = await pipe.generate({ ...picture, negativePrompt: '' });
    expect(empty.latents).toEqual(latents);
  });

  it('of AnimateDiff may hold a U-Net with motion modules of its own', async () => {
    const { unet, ...models } = animateDiff.models;
    const joined = {
      attention_head_dim: 2,
      ...unet![1],
      down_block_types: ['CrossAttnDownBlockMotion', 'DownBlockMotion'],
      up_block_types: ['UpBlockMotion', 'CrossAttnUpBlockMotion'],
      num_attention_heads: 2,
      motion_num_attention_heads: 2,
      motion_max_seq_length: 4,
    };
    const { attention_head_dim: _, ...config } = joined;
    await using pipe = await load('motion', {
      ...animateDiff,
      models: { ...models, unet: ['UNetMotionModel', config] },
    });
    const { latents } = await pipe.generate(clip);
    expect(latents).toEqual((await pipes.get('AnimateDiff')!.generate(clip)).latents);
  });

  it('of AnimateDiff needs an adapter that fits', async () => {
    const motion = (options: object) => changed(animateDiff, 'motion_adapter', options);
    await expect(load('deep', motion({ motion_layers_per_block: 2 }))).rejects.toThrow(
      /motion_layers_per_block must be = \[1,1\], got \[2,2\]/,
    );
    await expect(load('pia', motion({ conv_in_channels: 9 }))).rejects.toThrow(/conv_in_channels/);
    const { motion_adapter: _, ...models } = animateDiff.models;
    await expect(load('none', { ...animateDiff, models })).rejects.toThrow(
      /motion_adapter.config\.json must be = there/,
    );
    await writePipeline(pathOf('torn'), animateDiff);
    const [className, config] = animateDiff.models.motion_adapter!;
    const name = 'mid_block.motion_modules.0.proj_in.bias';
    await writeModel(pathOf('torn'), 'motion_adapter', className, config, { [name]: null });
    await expect(loadPipeline(pathOf('torn'))).rejects.toThrow(`1 missing: ${name}`);
    const { runs, problems } = await modelInfo(pathOf('torn'));
    expect({ runs, problems }).toMatchObject({
      runs: false,
      problems: [
        expect.stringContaining(
          `motion_adapter: tensors must be = those of MotionAdapter, got 1 missing: ${name}`,
        ),
      ],
    });
  });

  const unfit: readonly (readonly [string, TinyPipeline, RegExp])[] = [
    [
      'another text width',
      changed(stableDiffusion, 'unet', { cross_attention_dim: 20 }),
      /cross_attention_dim of the U-Net must be = 16/,
    ],
    [
      'more channels',
      changed(stableDiffusion, 'unet', { in_channels: 9 }),
      /in_channels of the U-Net must be = 4 .* got 9/,
    ],
    [
      'classes',
      changed(stableDiffusion, 'unet', { num_class_embeds: 3 }),
      /class embedding of the U-Net must be = none .* got table/,
    ],
    [
      'sizes',
      changed(stableDiffusionXl, 'unet', { projection_class_embeddings_input_dim: 40 }),
      /projection_class_embeddings_input_dim of the U-Net must be = 28/,
    ],
    [
      'no sizes',
      changed(stableDiffusionXl, 'unet', { addition_embed_type: null }),
      /addition_embed_type of the U-Net must be = text_time .* got none/,
    ],
    [
      'a scale to a U-Net of clips',
      changed(textToVideo, 'unet', { time_cond_proj_dim: 8 }),
      /time_cond_proj_dim of the U-Net must be = null/,
    ],
    [
      'a scheduler',
      { ...stableDiffusion, scheduler: { _class_name: 'LMSDiscreteScheduler' } },
      /_class_name must be = .* got LMSDiscreteScheduler/,
    ],
    [
      'a U-Net of clips',
      { ...textToVideo, className: 'StableDiffusionPipeline' },
      /unet of model_index.json must be = UNet2DConditionModel, got UNet3DConditionModel/,
    ],
  ];
  it.for(unfit)('is refused for %s', async ([what, tiny, message]) => {
    await expect(load(what, tiny)).rejects.toThrow(message);
  });

  it('needs no more than it uses', async () => {
    await writePipeline(pathOf('plain'), stableDiffusion);
    await rm(pathOf('plain/unet/model.safetensors'));
    const { runs, problems } = await modelInfo(pathOf('plain'));
    expect(runs).toBe(false);
    expect(problems).toEqual([expect.stringMatching(/^unet: /)]);
  });

  it('is loaded with shorter texts, not with longer ones', async () => {
    await using short = await load('short', stableDiffusion, { maxSequenceLength: 6 });
    const { latents } = await short.generate(picture);
    expect(latents).not.toEqual((await pipes.get('Stable Diffusion')!.generate(picture)).latents);
    const cut = await short.generate({ ...picture, prompt: 'the cats and the cats and the cats' });
    expect(cut.warnings).toEqual([expect.stringMatching(/^the prompt is longer than 6 tokens/)]);
    await expect(load('long', stableDiffusion, { maxSequenceLength: 13 })).rejects.toThrow(
      /maxSequenceLength must be = a whole number from 2 to 12, got 13/,
    );
  });
});
