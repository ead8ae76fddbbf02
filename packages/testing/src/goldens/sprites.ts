import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { modelDirectory } from '@tubelet/model-sprites';
import { loadPipeline, type RgbImage } from 'tubelet';
import { type FixtureTensor, readSafetensorsFixture } from '../safetensors-fixture.js';
import { type Closeness, type Comparison, compare, worstOf } from './closeness.js';
import { sampleOf, tensorOf } from './model-case.js';

/** The original's call. */
interface GoldenCall {
  readonly prompt: string;
  readonly negative_prompt: string;
  readonly height: number;
  readonly width: number;
  readonly num_frames: number;
  readonly num_inference_steps: number;
  readonly guidance_scale: number;
  readonly max_sequence_length: number;
}

/**
 * Of latents, relative to the largest: the trained model carries rounding from step to step, and two float32 runs of it drift
 * apart by up to 6e-5.
 */
const latentTolerance = 1e-3;

/** Of frames, on average, in [0, 1]. */
const frameTolerance = 2 / 255;

/**
 * Runs a case of goldens/sprites on the model that ships: tokens, embeddings, the latents after every step, and the frames.
 * The goldens state no loss of their own.
 */
export async function checkSpritesCase(directory: string): Promise<Closeness> {
  const call: GoldenCall = JSON.parse(await readFile(join(directory, 'config.json'), 'utf8'));
  const tensors = await readSafetensorsFixture(join(directory, 'io.safetensors'));
  const sample = (name: string) => sampleOf(tensorOf(tensors, name), 0);
  const comparisons: Comparison[] = [];
  const against = (name: string, got: ArrayLike<number>) =>
    comparisons.push(compareRelative(name, got, sample(name)));

  const pipe = await loadPipeline(modelDirectory, {
    dtype: 'f32',
    maxSequenceLength: call.max_sequence_length,
  });
  try {
    const [{ ids, embeddings }] = await pipe.encodePrompts([call.prompt]);
    const tokens = sample('tokens').values;
    comparisons.push(
      compare({}, 'tokens', [...ids, ...tokens.subarray(ids.length)], sample('tokens')),
    );
    against('text', embeddings);
    const video = await pipe.generate({
      prompt: call.prompt,
      negativePrompt: call.negative_prompt,
      image: tensors.has('image') ? picture(tensorOf(tensors, 'image')) : undefined,
      height: call.height,
      width: call.width,
      numFrames: call.num_frames,
      steps: call.num_inference_steps,
      guidanceScale: call.guidance_scale,
      latents: Float32Array.from(sample('start').values),
      async onStep({ step, latents }) {
        against(`step${String(step - 1).padStart(2, '0')}`, await latents());
      },
    });
    comparisons.push(compareFrames(video.frames, tensorOf(tensors, 'frames')));
    return worstOf(comparisons);
  } finally {
    await pipe.dispose();
  }
}

function compareRelative(
  name: string,
  got: ArrayLike<number>,
  reference: FixtureTensor,
): Comparison {
  const { error } = compare({}, name, got, reference);
  const largest = reference.values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return { name, error, tolerance: latentTolerance * largest };
}

/** [H, W, 3] */
function picture({ shape, values }: FixtureTensor): RgbImage {
  return { data: Uint8Array.from(values), height: shape[0]!, width: shape[1]! };
}

/** The mean difference, in [0, 1]. */
function compareFrames(frames: readonly Uint8Array[], { values }: FixtureTensor): Comparison {
  const ours = frames.flatMap((frame) => Array.from(frame));
  const sum = values.reduce((total, value, i) => total + Math.abs(value - ours[i]!), 0);
  const error =
    ours.length === values.length ? sum / values.length / 255 : Number.POSITIVE_INFINITY;
  return { name: 'frames', error, tolerance: frameTolerance };
}
