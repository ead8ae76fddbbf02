import { type DeviceOptions, findNonFinite, openDevice, type Precision } from '@tubelet/runtime';
import { TubeletError } from '../errors.js';
import type { ClipSource, ImageSource } from '../media/index.js';
import { aborted } from '../pipelines/aborted.js';
import { readDTypes } from '../pipelines/dtypes.js';
import { openModelFolder } from '../pipelines/model-folder.js';
import { loadVitModel } from './vit.js';
import { loadVivitModel } from './vivit.js';

/** A class and how sure the model is of it. */
export interface Classification {
  readonly label: string;
  /** 0 to 1: of all classes together 1, or of each alone where the model tells several at once (`problem_type`). */
  readonly score: number;
}

/** How a clip or an image is classified. */
export interface ClassifyOptions {
  /** How many classes to tell, the likeliest first. @defaultValue 5 */
  readonly top?: number;
  /** Stops the work at the next node of a plan; the call throws TubeletError ABORTED. */
  readonly signal?: AbortSignal;
}

/** A loaded classifier of clips or of images. */
export interface Classifier extends AsyncDisposable {
  /** What it looks at: of an animation, an image model sees the first frame. */
  readonly takes: 'image' | 'clip';
  /** Names of its classes. */
  readonly labels: readonly string[];
  /**
   * Tells what is to be seen. Frames of a clip are taken uniformly over its length; where it has too few, some come twice.
   *
   * @throws TubeletError BAD_INPUT, UNSUPPORTED (an mp4 without ffmpeg on PATH), ABORTED, BAD_WEIGHT when the weights give no
   * finite numbers
   */
  classify(
    source: ClipSource | ImageSource,
    options?: ClassifyOptions,
  ): Promise<readonly Classification[]>;
  /** Frees the weights and all else; work in progress ends with DISPOSED. */
  dispose(): Promise<void>;
}

/** How a classifier is loaded: on which device, and how precisely. */
export interface ClassifierOptions extends DeviceOptions {
  /** The least precise arithmetic of matrix products. @defaultValue what the device is fastest at */
  readonly dtype?: Precision;
}

const models = { vit: loadVitModel, vivit: loadVivitModel };

/**
 * Loads a folder of transformers: `config.json` of a VivitForVideoClassification or a ViTForImageClassification,
 * `preprocessor_config.json`, and weights; or a ViViT of scenic, whose `config.json` is `{ model, dataset }`.
 *
 * @throws TubeletError IO, BAD_CONFIG, BAD_WEIGHT, UNSUPPORTED
 * @example
 * await using classifier = await loadClassifier('vivit-b-16x2-kinetics400');
 * const [first] = await classifier.classify('clip.mp4'); // { label: 'playing guitar', score: 0.93 }
 */
export async function loadClassifier(
  directory: string,
  { dtype, ...options }: ClassifierOptions = {},
): Promise<Classifier> {
  const folder = openModelFolder(directory);
  const config = await folder.json('config.json');
  const kind = 'model' in config ? 'vivit' : config.model_type;
  if (kind !== 'vit' && kind !== 'vivit') {
    const message = `model_type must be = ${Object.keys(models).join(' or ')}, got ${kind}`;
    throw new TubeletError('UNSUPPORTED', 'model', message);
  }
  const device = openDevice(options);
  const dispose = async () => device.dispose();
  try {
    const { transformer: precision } = readDTypes(dtype, device);
    const model = await models[kind](device, folder, config, precision);
    const { takes, labels, weights, logits } = model;
    const isEachAlone = config.problem_type === 'multi_label_classification' || labels.length === 1;
    return {
      takes,
      labels,
      async classify(source, { top = 5, signal } = {}) {
        if (!Number.isInteger(top) || top < 1) {
          const message = `top must be = a whole number from 1, got ${top}`;
          throw new TubeletError('BAD_INPUT', 'classify', message);
        }
        if (signal?.aborted) throw aborted(signal);
        const values = await logits(source, { signal });
        if (!values.every(Number.isFinite)) {
          const found = (await findNonFinite(weights)).slice(0, 10).join(', ') || 'none of them';
          const message = `scores must be = finite, got NaN or infinity, and in the weights ${found}`;
          throw new TubeletError('BAD_WEIGHT', 'classify', message);
        }
        const scores = isEachAlone ? [...values].map(sigmoid) : softmax(values);
        return labels
          .map((label, i) => ({ label, score: scores[i]! }))
          .sort((a, b) => b.score - a.score)
          .slice(0, top);
      },
      dispose,
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    device.dispose();
    throw error;
  }
}

function sigmoid(value: number): number {
  return 1 / (1 + Math.exp(-value));
}

function softmax(values: Float32Array): number[] {
  const largest = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const powers = Array.from(values, (value) => Math.exp(value - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
