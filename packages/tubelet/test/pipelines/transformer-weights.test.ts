import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { modelDirectory } from '@tubelet/model-sprites';
import { parseWanConfig, wanOriginalNames } from '@tubelet/models';
import { type GenerateRequest, type LoadOptions, loadPipeline } from 'tubelet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gguf, safetensors, type Tensors, tensorsOf } from './weight-files.js';

let folder: string;
/** The transformer that ships, in our names and in those of Wan's authors. */
let ours: Tensors;
let theirs: Tensors;
let plain: Float32Array;
const layer = 'blocks.3.attn1.to_q';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tubelet-'));
  const config = await readFile(join(modelDirectory, 'transformer/config.json'), 'utf8');
  ours = await tensorsOf(join(modelDirectory, 'transformer'));
  const names = wanOriginalNames(parseWanConfig(JSON.parse(config)));
  theirs = Object.fromEntries([...names].map(([name, [part]]) => [name, ours[part!.name]!]));
  plain = await latentsOf({});
});
afterAll(() => rm(folder, { recursive: true }));

async function latentsOf(options: LoadOptions): Promise<Float32Array> {
  await using pipe = await loadPipeline(modelDirectory, { threads: 2, dtype: 'f32', ...options });
  const request = { prompt: 'a man in a green shirt', steps: 2, numFrames: 1, seed: 3 };
  return (await pipe.generate(request)).latents;
}

async function put(name: string, content: Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

function meanDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
}

describe('a transformer from a file', () => {
  it('gives the same bytes in the names of its authors, whatever stands before them', async () => {
    for (const prefix of ['', 'model.diffusion_model.']) {
      const named = Object.entries(theirs).map(([name, values]) => [prefix + name, values]);
      const other = { 'vae.conv.weight': { shape: [1], data: Float32Array.of(1) } };
      const tensors = { ...Object.fromEntries(named), ...(prefix && other) };
      const transformer = await put(`${prefix}original.safetensors`, safetensors(tensors));
      expect(await latentsOf({ transformer })).toEqual(plain);
    }
  });

  it('gives the same bytes from GGUF in F32, and nearly the same in Q8_0', async () => {
    const exact = await put('wan-f32.gguf', gguf(theirs, false));
    expect(await latentsOf({ transformer: exact })).toEqual(plain);
    const quantised = await put('wan-q8.gguf', gguf(theirs, true));
    const latents = await latentsOf({ transformer: quantised });
    expect(meanDifference(latents, plain)).toBeGreaterThan(0);
    expect(meanDifference(latents, plain)).toBeLessThan(0.1);
  });

  it('is refused with the names that are missing, and nothing else is loaded', async () => {
    const { 'blocks.2.ffn.0.bias': _, ...lacking } = theirs;
    const transformer = await put('lacking.safetensors', safetensors(lacking));
    await expect(latentsOf({ transformer })).rejects.toThrow(
      /1 missing: blocks\.2\.ffn\.net\.0\.proj\.bias/,
    );
  });
});

describe('loras', () => {
  const rank = 3;
  const size = 256;
  const wave = (length: number, step: number) =>
    Float32Array.from({ length }, (_, i) => 0.5 * Math.sin(1 + i * step));
  const down = { shape: [rank, size], data: wave(rank * size, 0.7) };
  const up = { shape: [size, rank], data: wave(size * rank, 1.3) };
  const alpha = { shape: [], data: Float32Array.of(6) };

  /** The model with the update in its weights, by plain loops. */
  async function mergedByHand(scale: number): Promise<Float32Array> {
    const name = `${layer}.weight`;
    const data = ours[name]!.data.map((value, i) => {
      const [row, column] = [Math.floor(i / size), i % size];
      let sum = 0;
      for (let r = 0; r < rank; r++)
        sum += up.data[row * rank + r]! * down.data[r * size + column]!;
      return value + scale * sum;
    });
    const tensors = { ...ours, [name]: { shape: [size, size], data } };
    return latentsOf({
      transformer: await put(`by-hand-${scale}.safetensors`, safetensors(tensors)),
    });
  }

  it('changes the weights as they say, in the names of diffusers, of the authors and of kohya', async () => {
    const expected = await mergedByHand(0.5);
    expect(meanDifference(expected, plain)).toBeGreaterThan(1e-3);
    const peft = { lora_adapter_metadata: JSON.stringify({ 'transformer.lora_alpha': 3 }) };
    const forms: readonly (readonly [string, Tensors, Readonly<Record<string, string>>?])[] = [
      [
        'diffusers',
        {
          [`transformer.${layer}.lora_A.weight`]: down,
          [`transformer.${layer}.lora_B.weight`]: up,
        },
      ],
      ['peft', { [`${layer}.lora_A.weight`]: down, [`${layer}.lora_B.weight`]: up }, peft],
      [
        'authors',
        {
          'diffusion_model.blocks.3.self_attn.q.lora_A.weight': down,
          'diffusion_model.blocks.3.self_attn.q.lora_B.weight': up,
        },
      ],
      [
        'kohya',
        {
          'lora_unet_blocks_3_self_attn_q.lora_down.weight': down,
          'lora_unet_blocks_3_self_attn_q.lora_up.weight': up,
          'lora_unet_blocks_3_self_attn_q.alpha': alpha,
        },
      ],
    ];
    for (const [name, tensors, metadata] of forms) {
      const path = await put(`${name}.safetensors`, safetensors(tensors, metadata));
      // An alpha of twice the rank doubles it.
      const latents = await latentsOf({ loras: [{ path, scale: name === 'kohya' ? 0.25 : 0.5 }] });
      expect(meanDifference(latents, expected)).toBeLessThan(1e-5);
    }
  });

  it('add up, and change nothing by scale 0', async () => {
    const tensors = { [`${layer}.lora_A.weight`]: down, [`${layer}.lora_B.weight`]: up };
    const path = await put('twice.safetensors', safetensors(tensors));
    const both = await latentsOf({
      loras: [
        { path, scale: 0.75 },
        { path, scale: -0.25 },
      ],
    });
    expect(meanDifference(both, await mergedByHand(0.5))).toBeLessThan(1e-5);
    expect(await latentsOf({ loras: [{ path, scale: 0 }] })).toEqual(plain);
    expect(await latentsOf({ loras: [] })).toEqual(plain);
  });

  it('of a request are those merged at load, beside requests without or with others, and with a step cache', async () => {
    const other = 'blocks.1.ffn.net.0.proj';
    const wide = 2 * ours[`${other}.weight`]!.shape[0]!;
    const both = {
      [`${layer}.lora_A.weight`]: down,
      [`${layer}.lora_B.weight`]: up,
      [`${other}.lora_A.weight`]: down,
      [`${other}.lora_B.weight`]: {
        shape: [wide / 2, rank],
        data: wave((wide * rank) / 2, 0.9),
      },
      'patch_embedding.lora_A.weight': {
        shape: [1, ours['patch_embedding.weight']!.data.length / size],
        data: wave(ours['patch_embedding.weight']!.data.length / size, 0.4),
      },
      'patch_embedding.lora_B.weight': { shape: [size, 1], data: wave(size, 0.2) },
    };
    const path = await put('request.safetensors', safetensors(both));
    const merged = await latentsOf({ loras: [{ path, scale: 0.25 }] });
    await using pipe = await loadPipeline(modelDirectory, { threads: 2, dtype: 'f32' });
    const request = { prompt: 'a man in a green shirt', steps: 2, numFrames: 1, seed: 3 };
    const run = async (scale?: number, change: Partial<GenerateRequest> = {}) => {
      const loras = scale === undefined ? {} : { loras: [{ path, scale }] };
      return (await pipe.generate({ ...request, ...loras, ...change })).latents;
    };
    const cache = { kind: 'first-block', threshold: 0 } as const;
    const [changed, plain2, stronger, cached] = await Promise.all([
      run(0.25),
      run(),
      run(0.5),
      run(0.25, { cache }),
    ]);
    expect(plain2).toEqual(plain);
    expect(meanDifference(changed!, plain)).toBeGreaterThan(1e-3);
    expect(meanDifference(changed!, merged)).toBeLessThan(1e-5);
    expect(meanDifference(stronger!, changed!)).toBeGreaterThan(1e-3);
    expect(cached).toEqual(changed);
    expect(await run(0.25)).toEqual(changed);
    // More sets than stay: the first is made anew.
    for (const scale of [0.1, 0.2, 0.3, 0.4]) await run(scale);
    expect(await run(0.25)).toEqual(changed);
    expect(await run()).toEqual(plain);
  });

  it('of a request are refused as those at load are', async () => {
    const path = await put('none.safetensors', safetensors({ 'other.lora_A.weight': down }));
    await using pipe = await loadPipeline(modelDirectory, { threads: 1, dtype: 'f32' });
    const of = (loras: unknown) => pipe.generate({ prompt: '', loras } as GenerateRequest);
    await expect(of([{ path }])).rejects.toThrow(/1 that map to no layer: other\.lora_A\.weight/);
    await expect(of([{ path: `${path}.none` }])).rejects.toMatchObject({ code: 'IO' });
    await expect(of([{ path, scale: '1' }])).rejects.toThrow(/scale must be = a number, got 1/);
    await expect(of([{ path, weight: 1 }])).rejects.toThrow(
      /options must be = path, scale, got weight/,
    );
    await expect(of(path)).rejects.toThrow(/loras must be = a list, got string/);
  });

  it('are merged into a transformer from a quantised file', async () => {
    const transformer = await put('base-q8.gguf', gguf(theirs, true));
    const tensors = { [`${layer}.lora_A.weight`]: down, [`${layer}.lora_B.weight`]: up };
    const path = await put('on-q8.safetensors', safetensors(tensors));
    const latents = await latentsOf({ transformer, loras: [{ path, scale: 0.5 }] });
    expect(meanDifference(latents, await mergedByHand(0.5))).toBeLessThan(0.1);
  });

  const wrong: readonly (readonly [string, Tensors, RegExp])[] = [
    [
      'names that map to nothing, the first ten and how many',
      Object.fromEntries(
        Array.from({ length: 12 }, (_, i) => [
          `transformer.blocks.${i}.attn9.to_q.lora_A.weight`,
          down,
        ]),
      ),
      /12 that map to no layer: transformer\.blocks\.0\.attn9.* and 2 more$/,
    ],
    [
      'kinds of tensors it does not know',
      { [`${layer}.hada_w1_a`]: down },
      /1 that map to no layer: .*hada_w1_a$/,
    ],
    [
      'a matrix without the other',
      { [`${layer}.lora_A.weight`]: down },
      /1 misshapen: blocks_3_attn1_to_q without its up matrix$/,
    ],
    [
      'sizes that do not fit',
      { [`${layer}.lora_A.weight`]: up, [`${layer}.lora_B.weight`]: up },
      /\[256, 3\] and \[256, 3\] instead of \[256, rank\] and \[rank, 256\]$/,
    ],
  ];
  it.for(wrong)('are refused for %s', async ([name, tensors, message]) => {
    const path = await put(`${name.length}.safetensors`, safetensors(tensors));
    await expect(latentsOf({ loras: [{ path }] })).rejects.toThrow(message);
  });

  it('with magnitudes scale the rows, in the names of peft and of kohya', async () => {
    const magnitude = { shape: [size, 1], data: wave(size, 0.3) };
    const name = `${layer}.weight`;
    const data = Float32Array.from(ours[name]!.data);
    for (let row = 0; row < size; row++) {
      const values = data.subarray(row * size, (row + 1) * size);
      for (let r = 0; r < rank; r++)
        values.forEach((_, k) => {
          values[k]! += 0.5 * up.data[row * rank + r]! * down.data[r * size + k]!;
        });
      const factor = magnitude.data[row]! / Math.hypot(...values);
      for (let k = 0; k < size; k++) values[k]! *= factor;
    }
    const tensors = { ...ours, [name]: { shape: [size, size], data } };
    const expected = await latentsOf({
      transformer: await put('dora-by-hand.safetensors', safetensors(tensors)),
    });
    const peft = {
      [`transformer.${layer}.lora_A.weight`]: down,
      [`transformer.${layer}.lora_B.weight`]: up,
      [`transformer.${layer}.lora_magnitude_vector`]: { ...magnitude, shape: [size] },
    };
    const kohya = {
      'lora_unet_blocks_3_self_attn_q.lora_down.weight': down,
      'lora_unet_blocks_3_self_attn_q.lora_up.weight': up,
      'lora_unet_blocks_3_self_attn_q.dora_scale': magnitude,
    };
    for (const [form, tensors] of Object.entries({ peft, kohya })) {
      const path = await put(`dora-${form}.safetensors`, safetensors(tensors));
      const latents = await latentsOf({ loras: [{ path, scale: 0.5 }] });
      expect(meanDifference(latents, expected)).toBeLessThan(1e-5);
    }
    const short = { ...peft, [`transformer.${layer}.lora_magnitude_vector`]: down };
    const path = await put('dora-short.safetensors', safetensors(short));
    await expect(latentsOf({ loras: [{ path }] })).rejects.toThrow(
      /1 misshapen: .*lora_magnitude_vector \[3, 256\] instead of \[256\]/,
    );
  });

  it('are refused for a scale that is no number, and for alphas per layer', async () => {
    const tensors = { [`${layer}.lora_A.weight`]: down, [`${layer}.lora_B.weight`]: up };
    const path = await put('fine.safetensors', safetensors(tensors));
    await expect(latentsOf({ loras: [{ path, scale: Number.NaN }] })).rejects.toThrow(
      /\[lora\] scale must be = a number, got NaN/,
    );
    const metadata = { lora_adapter_metadata: JSON.stringify({ alpha_pattern: { to_q: 4 } }) };
    const patterned = await put('pattern.safetensors', safetensors(tensors, metadata));
    await expect(latentsOf({ loras: [{ path: patterned }] })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    });
  });
});
