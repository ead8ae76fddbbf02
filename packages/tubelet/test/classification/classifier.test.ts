import { spawnSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  packVit,
  packVivit,
  parseScenicVivitConfig,
  parseVitConfig,
  parseVivitConfig,
  sampledFrames,
  vit,
  vivit,
} from '@tubelet/models';
import { interpret, randomValues, readSafetensorsFixture } from '@tubelet/testing';
import { loadClassifier, type RgbImage, readClip, writeVideo } from 'tubelet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parsePreprocessing, preprocess } from '../../src/media/preprocess.js';
import { temporaryFolder, writeModel } from '../pipelines/tiny-folder.js';

const width = 16;
const height = 8;
/** Frames that differ. */
const frames = Array.from({ length: 10 }, (_, frame): RgbImage => {
  const data = Uint8Array.from(
    { length: width * height * 3 },
    (_, i) => (i * 3 + frame * 20) % 256,
  );
  return { data, width, height };
});

const sizes = {
  hidden_size: 12,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 16,
};
const names = { 0: 'walking', 1: 'running', 2: 'standing' };
const vivitJson = {
  ...sizes,
  model_type: 'vivit',
  architectures: ['VivitForVideoClassification'],
  image_size: [8, 16],
  num_frames: 4,
  tubelet_size: [2, 4, 4],
  id2label: names,
};
const vitJson = {
  ...sizes,
  model_type: 'vit',
  architectures: ['ViTForImageClassification'],
  image_size: 8,
  patch_size: 4,
  id2label: names,
};
/** Pixels as they come, but for the scale. */
const plain = { do_resize: false, do_center_crop: false };

const folder = await temporaryFolder();
const at = (...path: string[]) => join(folder.path, ...path);
beforeAll(async () => {
  const table = (tokens: number) => [1, tokens, 12];
  await writeModel(folder.path, 'vivit', 'VivitForVideoClassification', vivitJson, {
    'vivit.embeddings.position_embeddings': table(17),
  });
  await writeFile(at('vivit', 'config.json'), JSON.stringify(vivitJson));
  await writeFile(at('vivit', 'preprocessor_config.json'), JSON.stringify(plain));
  await writeModel(folder.path, 'vit', 'ViTForImageClassification', vitJson, {
    'vit.embeddings.position_embeddings': table(5),
  });
  await writeFile(at('vit', 'config.json'), JSON.stringify(vitJson));
});
afterAll(folder.remove);

/** Scores by the interpreter in double precision. */
async function expectedScores(pixels: readonly number[], name: 'vit' | 'vivit') {
  const weights = await readSafetensorsFixture(at(name, 'model.safetensors'));
  const table = weights.get(`${name}.embeddings.position_embeddings`)!.values;
  const isClip = name === 'vivit';
  const packed = isClip
    ? packVivit(parseVivitConfig(vivitJson), 1, { positions: table })
    : packVit(parseVitConfig(vitJson), [{ height: 8, width: 8 }], table);
  const graph = isClip ? vivit(parseVivitConfig(vivitJson)) : vit(parseVitConfig(vitJson));
  const outputs = await interpret(
    graph,
    weights,
    { ...packed.inputs, pixels },
    { ...packed.sizes },
  );
  const powers = [...outputs.get('logits')!].map(Math.exp);
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

describe('a ViViT', () => {
  it('gives the scores of its graph for frames spread over the clip', async () => {
    await using classifier = await loadClassifier(at('vivit'), { threads: 1, dtype: 'f32' });
    expect(classifier).toMatchObject({ takes: 'clip', labels: Object.values(names) });
    const found = await classifier.classify(frames);
    const chosen = sampledFrames(10, 4).map((i) => frames[i]!.data);
    const pixels = [0, 1, 2].flatMap((c) =>
      chosen.flatMap((data) =>
        Array.from({ length: 128 }, (_, i) => (data[3 * i + c]! / 127.5 - 1 - 0.5) / 0.5),
      ),
    );
    const scores = await expectedScores(pixels, 'vivit');
    const order = [0, 1, 2].sort((a, b) => scores[b]! - scores[a]!);
    expect(found.map(({ label }) => label)).toEqual(order.map((i) => Object.values(names)[i]));
    for (const [i, { score }] of found.entries()) expect(score).toBeCloseTo(scores[order[i]!]!, 5);
    expect(await classifier.classify(frames, { top: 1 })).toEqual([found[0]]);
  });

  it('takes a gif, its bytes, and a clip of too few frames', async () => {
    await using classifier = await loadClassifier(at('vivit'), { threads: 1, dtype: 'f32' });
    const gif = at('clip.gif');
    await writeVideo(gif, { frames: frames.map(({ data }) => data), width, height });
    const found = await classifier.classify(gif);
    expect(found).toHaveLength(3);
    expect(await classifier.classify(await readFile(gif))).toEqual(found);
    const three = await classifier.classify(frames.slice(0, 3));
    const repeated = [0, 0, 1, 2].map((i) => frames[i]!);
    expect(three).toEqual(await classifier.classify(repeated));
  });

  it('tells classes apart where they are several at once', async () => {
    const json = { ...vivitJson, problem_type: 'multi_label_classification' };
    await writeFile(at('vivit', 'config.json'), JSON.stringify(json));
    await using classifier = await loadClassifier(at('vivit'), { threads: 1, dtype: 'f32' });
    const sum = (await classifier.classify(frames)).reduce((all, { score }) => all + score, 0);
    expect(Math.abs(sum - 1)).toBeGreaterThan(1e-3);
    await writeFile(at('vivit', 'config.json'), JSON.stringify(vivitJson));
  });

  it('refuses no frames, a file that is none, a number of classes, and an abort', async () => {
    await using classifier = await loadClassifier(at('vivit'), { threads: 1, dtype: 'f32' });
    await expect(classifier.classify([])).rejects.toThrow(/frames must be = at least one/);
    await expect(classifier.classify(at('nowhere.mp4'))).rejects.toThrow(
      /clip must be = a readable/,
    );
    await expect(classifier.classify(frames, { top: 0 })).rejects.toThrow(/top must be =/);
    const signal = AbortSignal.abort();
    await expect(classifier.classify(frames, { signal })).rejects.toMatchObject({
      code: 'ABORTED',
    });
    const small = [{ ...frames[0]!, width: 8, height: 16 }];
    await expect(classifier.classify(small)).rejects.toThrow(/frames must be = 16x8 .* got 8x16/);
  });
});

describe('a ViViT of scenic', () => {
  it('is read and turned from its own names', async () => {
    const model = {
      patches: { size: [4, 4, 2] },
      hidden_size: 12,
      num_heads: 2,
      num_layers: 1,
      mlp_dim: 16,
      classifier: 'gap',
    };
    const json = { model, dataset: { num_classes: 3, input_shape: [1, 4, 8, 16, 3] } };
    const block = 'Transformer/encoderblock_0';
    const attention = `${block}/MultiHeadDotProductAttention_0`;
    const shapes: Record<string, number[]> = {
      'embedding/kernel': [2, 4, 4, 3, 12],
      'embedding/bias': [12],
      'Transformer/posembed_input/pos_embedding': [1, 16, 12],
      'Transformer/encoder_norm/scale': [12],
      'Transformer/encoder_norm/bias': [12],
      [`${attention}/out/kernel`]: [2, 6, 12],
      [`${attention}/out/bias`]: [12],
      [`${block}/MlpBlock_0/Dense_0/kernel`]: [12, 16],
      [`${block}/MlpBlock_0/Dense_0/bias`]: [16],
      [`${block}/MlpBlock_0/Dense_1/kernel`]: [16, 12],
      [`${block}/MlpBlock_0/Dense_1/bias`]: [12],
      'output_projection/kernel': [12, 3],
      'output_projection/bias': [3],
    };
    for (const name of ['query', 'key', 'value']) {
      shapes[`${attention}/${name}/kernel`] = [12, 2, 6];
      shapes[`${attention}/${name}/bias`] = [2, 6];
    }
    for (const name of ['LayerNorm_0', 'LayerNorm_1'])
      for (const kind of ['scale', 'bias']) shapes[`${block}/${name}/${kind}`] = [12];
    expect(parseScenicVivitConfig(json).summary).toBe('mean');
    await mkdir(at('scenic'));
    await writeSafetensors(at('scenic', 'model.safetensors'), shapes);
    await writeFile(at('scenic', 'config.json'), JSON.stringify(json));
    await writeFile(at('scenic', 'preprocessor_config.json'), JSON.stringify(plain));
    await using classifier = await loadClassifier(at('scenic'), { threads: 1 });
    const found = await classifier.classify(frames);
    expect(found.map(({ label }) => label).sort()).toEqual(['LABEL_0', 'LABEL_1', 'LABEL_2']);
    expect(found.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1);
  });
});

/** Random values under these names. */
async function writeSafetensors(path: string, shapes: Readonly<Record<string, number[]>>) {
  const header: Record<string, unknown> = {};
  const parts: Uint8Array[] = [];
  let end = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    const values = randomValues(
      name,
      shape.reduce((a, b) => a * b, 1),
    );
    header[name] = { dtype: 'F32', shape, data_offsets: [end, end + 4 * values.length] };
    end += 4 * values.length;
    parts.push(new Uint8Array(Float32Array.from(values).buffer));
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  await writeFile(path, Buffer.concat([length, text, ...parts]));
}

describe('a ViT', () => {
  it('gives the scores of its graph for an image of any size', async () => {
    await using classifier = await loadClassifier(at('vit'), { threads: 1, dtype: 'f32' });
    expect(classifier.takes).toBe('image');
    const side = Uint8Array.from({ length: 8 * 8 * 3 }, (_, i) => (i * 5) % 256);
    const found = await classifier.classify({ data: side, width: 8, height: 8 });
    const pixels = [0, 1, 2].flatMap((c) =>
      Array.from({ length: 64 }, (_, i) => (side[3 * i + c]! / 255 - 0.5) / 0.5),
    );
    const scores = await expectedScores(pixels, 'vit');
    for (const { label, score } of found)
      expect(score).toBeCloseTo(scores[Object.values(names).indexOf(label)]!, 5);
    expect(await classifier.classify(frames[0]!)).toHaveLength(3);
  });
});

describe('a folder of another kind', () => {
  it('is refused', async () => {
    await expect(loadClassifier(at('nowhere'))).rejects.toMatchObject({ code: 'IO' });
    const dtype = 'f8' as 'f32';
    await expect(loadClassifier(at('vit'), { dtype })).rejects.toThrow(/dtype of .* must be = f32/);
    const refused: readonly (readonly [object, RegExp])[] = [
      [{ model_type: 'bert' }, /model_type must be = vit or vivit, got bert/],
      [{ ...vitJson, architectures: ['ViTModel'] }, /architectures must be = ViTForImage/],
      [{ ...vitJson, num_channels: 1 }, /num_channels must be = 3/],
      [{ ...vitJson, hidden_size: 24 }, /tensors of .* must be =/],
    ];
    for (const [json, message] of refused) {
      await writeFile(at('vit', 'config.json'), JSON.stringify(json));
      await expect(loadClassifier(at('vit'))).rejects.toThrow(message);
    }
    await writeFile(at('vit', 'config.json'), JSON.stringify(vitJson));
  });
});

describe('preprocessing', () => {
  const trained = { height: 4, width: 4 };
  const image = (w: number, h: number) => {
    const data = Uint8Array.from({ length: w * h * 3 }, (_, i) => Math.floor(i / 3));
    return { data, width: w, height: h };
  };

  it('has the defaults of the three processors', () => {
    expect(parsePreprocessing({}, 'clip', trained)).toEqual({
      size: { shortestEdge: 4 },
      crop: trained,
      filter: 'bicubic',
      scale: 1 / 255,
      offset: 0,
      mean: [0.48145466, 0.4578275, 0.40821073],
      std: [0.26862954, 0.26130258, 0.27577711],
    });
    expect(parsePreprocessing({}, 'vit', trained)).toMatchObject({
      size: trained,
      crop: null,
      filter: 'bilinear',
      offset: 0,
    });
    const clip = parsePreprocessing({}, 'vivit', { height: 224, width: 224 });
    expect(clip).toMatchObject({ size: { shortestEdge: 256 }, offset: -1, scale: 1 / 127.5 });
    expect(clip.crop).toEqual({ height: 224, width: 224 });
  });

  it('keeps the aspect by the shortest edge, and crops the middle', () => {
    const how = parsePreprocessing({ size: { shortest_edge: 4 } }, 'vivit', trained);
    expect(preprocess(image(9, 6), { ...how, crop: null })).toMatchObject({ width: 6, height: 4 });
    expect(preprocess(image(9, 6), how)).toMatchObject({ width: 4, height: 4 });
    const raw = { ...how, size: null, scale: 1, offset: 0, mean: [0, 0, 0], std: [1, 1, 1] };
    const cut = preprocess(image(6, 5), { ...raw, crop: { height: 2, width: 3 } });
    expect([...cut.pixels.slice(0, 6)]).toEqual([7, 8, 9, 13, 14, 15]);
    const padded = preprocess(image(2, 1), { ...raw, crop: { height: 3, width: 4 } });
    expect([...padded.pixels.slice(0, 12)]).toEqual([0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
  });

  it('refuses what it does not know', () => {
    const bad: readonly (readonly [object, RegExp])[] = [
      [{ resample: 0 }, /resample must be = 1, 2 or 3, got 0/],
      [{ size: { longest_edge: 3 } }, /size must be = height and width, or shortest_edge/],
      [{ do_resize: 'yes' }, /do_resize must be = true or false/],
      [{ image_mean: [1] }, /image_mean must be = three numbers/],
    ];
    for (const [json, message] of bad)
      expect(() => parsePreprocessing(json as Record<string, unknown>, 'vit', trained)).toThrow(
        message,
      );
  });
});

const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0;
// Videos are read by the ffmpeg on PATH alone.
describe.skipIf(!hasFfmpeg)('readClip of an mp4', () => {
  it('reads the frames that are chosen, by path and by bytes', async () => {
    const path = at('clip.mp4');
    const shades = Array.from({ length: 12 }, (_, i) => new Uint8Array(32 * 16 * 3).fill(20 * i));
    await writeVideo(path, { frames: shades, width: 32, height: 16 });
    const choose = (total: number) => [0, 5, 5, total - 1];
    const found = await readClip(path, choose);
    expect(found.map(({ width, height }) => [width, height])).toEqual(Array(4).fill([32, 16]));
    const levels = found.map(({ data }) => data.reduce((a, b) => a + b, 0) / data.length);
    for (const [i, level] of [0, 100, 100, 220].entries())
      expect(Math.abs(levels[i]! - level)).toBeLessThan(4);
    expect(await readClip(await readFile(path), choose)).toEqual(found);
    await writeFile(at('broken.mp4'), (await readFile(path)).subarray(0, 300));
    await expect(readClip(at('broken.mp4'), choose)).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });
});
