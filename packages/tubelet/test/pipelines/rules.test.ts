import { join } from 'node:path';
import {
  cogvideoxTransformer,
  cogvideoxVaeEncoder,
  fluxTransformer,
  hunyuanTransformer,
  latte as latteGraph,
  llamaEncoder,
  ltxTransformer,
  mochiCheckpoint,
  mochiTransformer,
  packCogvideox,
  packFlux,
  packHunyuan,
  packLatte,
  packLlamaTexts,
  packLtx,
  packMochi,
  packPixart,
  packSd3,
  parseCogvideoxConfig,
  parseCogvideoxVaeConfig,
  parseFluxConfig,
  parseHunyuanConfig,
  parseLatteConfig,
  parseLlamaConfig,
  parseLtxConfig,
  parseMochiConfig,
  parsePixartConfig,
  parseSd3Config,
  pixart as pixartGraph,
  sd3Transformer,
} from '@tubelet/models';
import { openDevice } from '@tubelet/runtime';
import { interpret, randomWeights } from '@tubelet/testing';
import { afterAll, it } from 'vitest';
import { hunyuanTemplate } from '../../src/pipelines/hunyuan/prompts.js';
import { latentMath } from '../../src/pipelines/latents.js';
import { posteriorStream } from '../../src/pipelines/posterior.js';
import {
  clip,
  configOf,
  expectRules,
  length,
  type Original,
  pad,
  padded,
  run,
  t5,
} from './original-rules.js';
import { temporaryFolder } from './tiny-folder.js';
import {
  cogvideox15,
  cogvideoxImage,
  flux,
  hunyuan,
  latte,
  ltx,
  mochi,
  pixart,
  sd3,
} from './tiny-pipelines.js';

/*
 * Each pipeline once more, as its original's page has it: texts encoded one by one, branches predicted one by one, everything in
 * double precision by the interpreter.
 */
const folder = await temporaryFolder();
afterAll(folder.remove);

/** A grey image as CogVideoX's transformer has it beside the latents: [4, 4, 6, 4], zeros behind the first frame. */
async function greyBeside(level: number, seed: number): Promise<Float64Array> {
  const config = parseCogvideoxVaeConfig(configOf(cogvideoxImage, 'vae'));
  const size = { chunk: 'first', frames: 1, height: 48, width: 32 } as const;
  const frames = new Float64Array(48 * 32 * 3).fill(2 * level - 1);
  const graph = cogvideoxVaeEncoder(config, size);
  const found = await interpret(graph, randomWeights([graph]), { frames }, {});
  const device = openDevice({ threads: 1 });
  const noise = await latentMath(device).noiseValues(seed, posteriorStream, 96);
  device.dispose();
  const out = new Float64Array(4 * 4 * 24);
  noise.forEach((drawn, i) => {
    const [channel, place] = [Math.floor(i / 24), i % 24];
    const mean = found.get('mean')![4 * place + channel]!;
    const deviation = Math.exp(found.get('logvar')![4 * place + channel]! / 2);
    out[channel * 96 + place] = 1.15258426 * (mean + deviation * drawn);
  });
  return out;
}

const beside = greyBeside(0.25, 1);
const text = { prompt: 'the cats', negativePrompt: 'a cat', seed: 1, steps: 2 };
function grey(level: number, width: number, height: number) {
  return { data: new Float32Array(width * height * 3).fill(level), width, height };
}

const clipSize = { width: 32, height: 48, numFrames: 9 };

const originals: Readonly<Record<string, Original>> = {
  PixArt: {
    tiny: pixart,
    // 0.25 is the nearest ratio: 128x512 pixels.
    request: { ...text, width: 48, height: 12, guidanceScale: 4 },
    size: [4, 1, 16, 64],
    schedule: {},
    async predict(latents, t, { tokenizer: ids }) {
      const config = parsePixartConfig(configOf(pixart, 'transformer'));
      const { inputs, sizes } = packPixart(config, [
        { height: 16, width: 64, textTokens: ids!.length },
      ]);
      const conditions = { imageHeight: [128], imageWidth: [512], aspectRatio: [0.25] };
      const embeddings = await t5(pixart, 'text_encoder', ids!);
      const given = { ...inputs, ...conditions, latents, timestep: [t], text: embeddings };
      return (await run(pixartGraph(config), given, sizes)).subarray(0, latents.length);
    },
  },
  'Stable Diffusion 3': {
    tiny: sd3,
    request: { ...text, width: 48, height: 32, guidanceScale: 3 },
    size: [4, 1, 4, 6],
    schedule: {},
    async predict(latents, t, ids) {
      const config = parseSd3Config(configOf(sd3, 'transformer'));
      const rows = 12;
      const first = padded(ids.tokenizer!, rows, pad.clip);
      const second = padded(ids.tokenizer_2!, rows, pad.clip);
      const one = await clip(sd3, 'text_encoder', first, 'hidden2');
      const two = await clip(sd3, 'text_encoder_2', second, 'hidden2');
      const wide = Array.from({ length: rows }, (_, i) => [
        ...one.subarray(16 * i, 16 * i + 16),
        ...two.subarray(8 * i, 8 * i + 8),
      ]);
      const three = await t5(sd3, 'text_encoder_3', padded(ids.tokenizer_3!, length, pad.t5));
      const pooled = [
        ...(await clip(sd3, 'text_encoder', first, 'textEmbeds')),
        ...(await clip(sd3, 'text_encoder_2', second, 'textEmbeds')),
      ];
      const { inputs, sizes } = packSd3(config, [
        { height: 4, width: 6, textTokens: rows + length },
      ]);
      const given = { ...inputs, latents, timestep: [t], text: [...wide.flat(), ...three], pooled };
      return run(sd3Transformer(config), given, sizes);
    },
  },
  FLUX: {
    tiny: flux,
    request: { ...text, width: 48, height: 32, guidanceScale: 2.5, trueGuidanceScale: 3 },
    size: [4, 1, 4, 6],
    schedule: { sigmas: [1, 0.5], mu: 0.5 + ((6 - 256) * (1.15 - 0.5)) / (4096 - 256) },
    async predict(latents, t, ids) {
      const config = parseFluxConfig(configOf(flux, 'transformer'));
      const pooled = await clip(
        flux,
        'text_encoder',
        padded(ids.tokenizer!, 12, pad.clip),
        'pooled',
      );
      const embeddings = await t5(flux, 'text_encoder_2', padded(ids.tokenizer_2!, length, pad.t5));
      const place = (token: number, value: number) => {
        const [row, column] = [Math.floor(token / 3), token % 3];
        const [c, y, x] = [value >> 2, (value >> 1) & 1, value & 1];
        return (c * 4 + 2 * row + y) * 6 + 2 * column + x;
      };
      const all = Array.from({ length: 96 }, (_, i) => place(Math.floor(i / 16), i % 16));
      const { inputs, sizes } = packFlux(config, [{ height: 2, width: 3, textTokens: length }]);
      const conditions = { timestep: [t / 1000], guidance: [2.5], pooled, text: embeddings };
      const hidden = all.map((from) => latents[from]!);
      const tokens = await run(
        fluxTransformer(config),
        { ...inputs, ...conditions, hidden },
        sizes,
      );
      const out = new Float64Array(96);
      all.forEach((to, i) => {
        out[to] = tokens[i]!;
      });
      return out;
    },
  },
  HunyuanVideo: {
    tiny: hunyuan,
    request: { ...text, ...clipSize, guidanceScale: 5, trueGuidanceScale: 2 },
    size: [4, 3, 6, 4],
    schedule: { sigmas: [1, 0.5] },
    async predict(latents, t, ids) {
      const llama = parseLlamaConfig(configOf(hunyuan, 'text_encoder'));
      const packed = packLlamaTexts(llama, [{ ids: ids.tokenizer! }]);
      const blocks = llamaEncoder(llama, { blocks: 1 });
      const hidden = await run(blocks, packed.inputs, packed.sizes, 'hidden');
      const { tokens: cut } = hunyuanTemplate;
      const words = padded(ids.tokenizer_2!, 12, pad.clip);
      const pooled = await clip(hunyuan, 'text_encoder_2', words, 'pooled');
      const config = parseHunyuanConfig(configOf(hunyuan, 'transformer'));
      const textTokens = ids.tokenizer!.length - cut;
      const { inputs, sizes } = packHunyuan(config, [
        { frames: 3, height: 6, width: 4, textTokens },
      ]);
      const conditions = { timestep: [t], guidance: [5000], pooled };
      const given = { ...inputs, ...conditions, latents, text: hidden.subarray(cut * 16) };
      return run(hunyuanTransformer(config), given, sizes);
    },
  },
  Latte: {
    tiny: latte,
    request: { ...text, width: 32, height: 48, numFrames: 3, guidanceScale: 3 },
    size: [4, 3, 6, 4],
    schedule: {},
    async predict(latents, t, { tokenizer: ids }, prompt) {
      const config = parseLatteConfig(configOf(latte, 'transformer'));
      const all = await t5(latte, 'text_encoder', padded(ids!, length, pad.t5), ids!.length);
      const textTokens = prompt.tokenizer!.length;
      const { inputs, sizes } = packLatte(config, [{ frames: 3, height: 6, width: 4, textTokens }]);
      const embeddings = all.subarray(0, 24 * textTokens);
      const given = { ...inputs, latents, timestep: [t], text: embeddings };
      return (await run(latteGraph(config), given, sizes)).subarray(0, latents.length);
    },
  },
  LTX: {
    tiny: ltx,
    request: { ...text, ...clipSize, fps: 20, guidanceScale: 3 },
    size: [8, 5, 6, 4],
    schedule: { sigmas: [1, 0.5], mu: 0.95 + ((120 - 1024) * (2.05 - 0.95)) / (4096 - 1024) },
    async predict(latents, t, { tokenizer: ids }) {
      const config = parseLtxConfig(configOf(ltx, 'transformer'));
      const all = await t5(ltx, 'text_encoder', padded(ids!, length, pad.t5));
      const size = { frames: 5, height: 6, width: 4, textTokens: ids!.length };
      const { inputs, sizes } = packLtx(config, [{ ...size, scale: [2 / 20, 8, 8] }]);
      const embeddings = all.subarray(0, 24 * ids!.length);
      const given = { ...inputs, latents, timestep: [t], text: embeddings };
      return run(ltxTransformer(config), given, sizes);
    },
  },
  Mochi: {
    tiny: mochi,
    // An empty negative prompt is no text at all.
    request: { ...text, ...clipSize, negativePrompt: '', numFrames: 13, guidanceScale: 3 },
    size: [4, 3, 6, 4],
    schedule: { sigmas: [1, 0.975] },
    async predict(latents, t, { tokenizer: ids }, prompt) {
      const config = parseMochiConfig(configOf(mochi, 'transformer'));
      const { graphs } = mochiCheckpoint(config);
      const frequencies = randomWeights(graphs).get('pos_frequencies')!.values;
      const textTokens = ids === prompt.tokenizer ? ids!.length : 0;
      const size = { frames: 3, height: 6, width: 4, textTokens };
      const { inputs, sizes } = packMochi(config, [size], frequencies);
      const embeddings =
        textTokens === 0 ? new Float64Array(24) : await t5(mochi, 'text_encoder', ids!);
      const given = { ...inputs, latents, timestep: [t], text: embeddings };
      return run(mochiTransformer(config), given, sizes);
    },
  },
  'CogVideoX with an image': {
    tiny: cogvideoxImage,
    request: { ...text, ...clipSize, guidanceScale: 2, image: grey(0.25, 32, 48) },
    size: [4, 4, 6, 4],
    schedule: {},
    async predict(latents, t, { tokenizer: ids }) {
      const config = parseCogvideoxConfig(configOf(cogvideoxImage, 'transformer'));
      const embeddings = await t5(cogvideoxImage, 'text_encoder', padded(ids!, length, pad.t5));
      const clip = { frames: 4, height: 6, width: 4, textTokens: length };
      const { inputs, sizes } = packCogvideox(config, [clip]);
      const both = [...latents, ...(await beside)];
      const given = { ...inputs, latents: both, timestep: [t], ofs: [2], text: embeddings };
      return run(cogvideoxTransformer(config), given, sizes);
    },
  },
  'CogVideoX 1.5': {
    tiny: cogvideox15,
    request: { ...text, width: 32, height: 48, numFrames: 9, guidanceScale: 2 },
    // Three latent frames, and one in front that is no part of the video.
    size: [4, 4, 6, 4],
    schedule: {},
    async predict(latents, t, { tokenizer: ids }) {
      const config = parseCogvideoxConfig(configOf(cogvideox15, 'transformer'));
      const embeddings = await t5(cogvideox15, 'text_encoder', padded(ids!, length, pad.t5));
      const clip = { frames: 4, height: 6, width: 4, textTokens: length };
      const { inputs, sizes } = packCogvideox(config, [clip]);
      const given = { ...inputs, latents, timestep: [t], text: embeddings };
      return run(cogvideoxTransformer(config), given, sizes);
    },
  },
};

it.for(Object.entries(originals))('%s gives what its rules give step by step', ([name, original]) =>
  expectRules(join(folder.path, name), original),
);
