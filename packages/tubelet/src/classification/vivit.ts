import {
  hasScenicNames,
  packVivit,
  parseScenicVivitConfig,
  parseVivitConfig,
  sampledFrames,
  scenicVivitWeights,
  vivit,
  vivitCheckpoint,
} from '@tubelet/models';
import {
  type Device,
  growingPlan,
  openWeights,
  type Precision,
  readValues,
  type Weights,
  weightsOf,
} from '@tubelet/runtime';
import { TubeletError } from '../errors.js';
import { type ClipSource, readClip } from '../media/index.js';
import { parsePreprocessing, preprocess } from '../media/preprocess.js';
import { type ModelFolder, requireCheckpoint } from '../pipelines/model-folder.js';
import { type ClassModel, requireLabels, requireRgb, runLogits } from './model.js';

/** VivitForVideoClassification, and the four models of scenic. */
export async function loadVivitModel(
  device: Device,
  folder: ModelFolder,
  json: Readonly<Record<string, unknown>>,
  precision: Precision,
): Promise<ClassModel> {
  const config = 'model' in json ? parseScenicVivitConfig(json) : parseVivitConfig(json);
  const labels = requireLabels(config.labels, 'VivitForVideoClassification');
  requireRgb(config.channels);
  const [height, width] = config.imageSize;
  const how = parsePreprocessing(
    (await folder.optionalJson('preprocessor_config.json')) ?? {},
    'vivit',
    { height, width },
  );
  const stored = await openWeights(folder.directory);
  const weights = hasScenicNames(stored.tensors) ? await fromScenic(stored) : stored;
  requireCheckpoint(vivitCheckpoint(config), weights);
  const tables = {
    positions: await readTable(weights, [
      'vivit.embeddings.position_embeddings',
      'embeddings.position_embeddings',
      'spatial.position_embeddings',
    ]),
    ...(config.temporalEncoder && {
      temporalPositions: await readTable(weights, ['temporal.position_embeddings']),
    }),
  };
  const plan = growingPlan(device, vivit(config), weights, { precision });
  const { sizes, inputs } = packVivit(config, 1, tables);
  const { frames: count, hiddenSize } = config;
  return {
    takes: 'clip',
    labels,
    weights,
    async logits(source, options) {
      const images = await readClip(source as ClipSource, (total) => spread(total, count), options);
      const frames = images.map((image) => preprocess(image, how));
      const [first] = frames;
      if (first!.height !== height || first!.width !== width) {
        const message = `preprocessed frames must be = ${width}x${height} for this model, got ${first!.width}x${first!.height}`;
        throw new TubeletError('BAD_CONFIG', 'classify', message);
      }
      const pixels = channelsFirst(frames.map((frame) => frame.pixels));
      const outputs = {
        hidden: sizes.tokens! * hiddenSize,
        summary: hiddenSize,
        logits: labels.length,
      };
      return runLogits(device, plan, { inputs: { ...inputs, pixels }, sizes, outputs }, options);
    },
  };
}

/** `count` frames of a clip, some twice where it has too few. */
function spread(total: number, count: number): number[] {
  if (total >= count) return sampledFrames(total, count);
  return Array.from({ length: count }, (_, i) => Math.floor((i * total) / count));
}

/** Frames [channels, area] as a clip [channels, frames, area]. */
function channelsFirst(frames: readonly Float32Array[]): Float32Array {
  const area = frames[0]!.length / 3;
  const clip = new Float32Array(frames.length * 3 * area);
  frames.forEach((pixels, frame) => {
    for (let c = 0; c < 3; c++)
      clip.set(pixels.subarray(c * area, (c + 1) * area), (c * frames.length + frame) * area);
  });
  return clip;
}

async function readTable(weights: Weights, names: readonly string[]): Promise<Float32Array> {
  const name = names.find((each) => weights.tensors.has(each));
  return readValues(weights, name ?? names[0]!);
}

/** Turned in memory: scenic's matrices are the other way round. */
async function fromScenic(stored: Weights): Promise<Weights> {
  const read = await Promise.all(
    [...stored.tensors].map(async ([name, { shape }]) => {
      return [name, { shape, values: await readValues(stored, name) }] as const;
    }),
  );
  const turned = [...scenicVivitWeights(new Map(read))].map(
    ([name, { shape, values }]) => [name, { shape, data: values }] as const,
  );
  return { ...weightsOf(Object.fromEntries(turned)), name: stored.name };
}
