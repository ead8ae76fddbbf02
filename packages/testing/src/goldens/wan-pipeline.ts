import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type GenerateRequest, loadPipeline, type Pipeline } from 'tubelet';
import { type FixtureTensor, readSafetensorsFixture } from '../safetensors-fixture.js';
import {
  type Closeness,
  type Comparison,
  compare,
  type GoldenNotes,
  toleranceOf,
  worstOf,
} from './closeness.js';
import { sampleOf, tensorOf } from './model-case.js';

/** The arguments of one call of the original, and what its config says of itself. */
interface GoldenCall extends GoldenNotes {
  readonly prompt: string | readonly string[];
  readonly negative_prompt: string | readonly string[];
  readonly height: number;
  readonly width: number;
  readonly num_frames: number;
  readonly num_inference_steps: number;
  readonly guidance_scale: number;
  readonly max_sequence_length: number;
}

interface Golden {
  readonly call: GoldenCall;
  readonly tensors: ReadonlyMap<string, FixtureTensor>;
  readonly scheduler: Readonly<Record<string, unknown>>;
}

/**
 * Runs a case of goldens/wan-pipeline: a whole diffusers folder, from prompts to frames, with every scheduler it has. The
 * prompts of a batch are requests made at once.
 */
export async function checkWanPipelineCase(directory: string): Promise<Closeness> {
  const calls: Record<string, GoldenCall> = await readJson(join(directory, 'golden.json'));
  const comparisons: Comparison[] = [];
  for (const [name, call] of Object.entries(calls)) {
    const own = `golden-${name}.safetensors`;
    const file = existsSync(join(directory, own)) ? own : 'golden.safetensors';
    const ownScheduler = existsSync(join(directory, `scheduler-${name}`));
    const folder = ownScheduler ? `scheduler-${name}` : 'scheduler';
    const golden = {
      call,
      tensors: await readSafetensorsFixture(join(directory, file)),
      scheduler: await readJson<Golden['scheduler']>(
        join(directory, folder, 'scheduler_config.json'),
      ),
    };
    const pipe = await loadPipeline(directory, {
      dtype: 'f32',
      maxSequenceLength: call.max_sequence_length,
    });
    try {
      const prompts = [call.prompt].flat();
      const found = await Promise.all(prompts.map((_, i) => checkRequest(pipe, golden, i)));
      const prefixed = found.flat().map((each) => ({ ...each, name: `${name}: ${each.name}` }));
      comparisons.push(...prefixed);
    } finally {
      await pipe.dispose();
    }
  }
  return worstOf(comparisons);
}

async function checkRequest(pipe: Pipeline, golden: Golden, index: number): Promise<Comparison[]> {
  const { call, tensors, scheduler } = golden;
  const textOf = (texts: string | readonly string[]) =>
    typeof texts === 'string' ? texts : (texts[index] ?? '');
  const sample = (name: string) => sampleOf(tensorOf(tensors, name), index);
  const against = (name: string, got: ArrayLike<number>) => compare(call, name, got, sample(name));

  const texts = { prompt: textOf(call.prompt), negativePrompt: textOf(call.negative_prompt) };
  const comparisons: Comparison[] = [];
  for (const [name, text] of [
    ['prompt', texts.prompt],
    ['negative_prompt', texts.negativePrompt],
  ] as const) {
    if (!tensors.has(`mid.${name}_ids`)) continue;
    const [{ ids, embeddings }] = await pipe.encodePrompts([text]);
    const length = sample(`mid.${name}_mask`).values.filter((value) => value === 1).length;
    const reference = sample(`mid.${name}_ids`).values.subarray(0, length);
    comparisons.push(
      compare(call, `mid.${name}_ids`, ids, { shape: [length], values: reference }),
      against(`mid.${name}_embeds`, embeddings),
    );
  }

  const request: GenerateRequest = {
    ...texts,
    image: tensors.has('input.image') ? rgbValues(sample('input.image')) : undefined,
    height: call.height,
    width: call.width,
    numFrames: call.num_frames,
    steps: call.num_inference_steps,
    guidanceScale: call.guidance_scale,
    scheduler,
    latents: Float32Array.from(sample('input.latents').values),
    async onStep({ step, latents }) {
      comparisons.push(against(`output.latents.step${step - 1}`, await latents()));
    },
  };
  const video = await pipe.generate(request);
  comparisons.push(against('output.latents.final', video.latents));
  if (tensors.has('output.frames'))
    comparisons.push(compareFrames(call, video.frames, sample('output.frames')));
  return comparisons;
}

/** [3, H, W] as a picture. */
function rgbValues({ shape, values }: FixtureTensor) {
  const [channels, height, width] = shape as [number, number, number];
  const area = height * width;
  const data = Float32Array.from(
    values,
    (_, i) => values[(i % channels) * area + Math.floor(i / channels)]!,
  );
  return { data, width, height };
}

/** Ours are rounded to bytes: half of one is no error. */
function compareFrames(
  notes: GoldenNotes,
  frames: readonly Uint8Array[],
  reference: FixtureTensor,
): Comparison {
  const name = 'output.frames';
  const values = frames.flatMap((frame) => Array.from(frame, (byte) => byte / 255));
  const { error } = compare(notes, name, values, reference);
  const tolerance = toleranceOf(notes, name, reference);
  return { name, error: Math.max(0, error - 0.5 / 255), tolerance };
}

async function readJson<Json>(path: string): Promise<Json> {
  return JSON.parse(await readFile(path, 'utf8'));
}
