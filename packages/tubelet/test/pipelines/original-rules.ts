import { join } from 'node:path';
import {
  classifierFree,
  denoise,
  type Guidance,
  type ScheduleOptions,
  schedulerFromConfig,
  unguided,
} from '@tubelet/diffusion';
import {
  clipTextEncoder,
  packClipTexts,
  packTexts,
  parseClipTextConfig,
  parseTextEncoderConfig,
  textEncoder,
} from '@tubelet/models';
import { doubleArithmetic, interpret, randomWeights } from '@tubelet/testing';
import { type GenerateRequest, loadPipeline, loadTokenizer } from 'tubelet';
import { expect } from 'vitest';
import { hunyuanImageTemplate } from '../../src/pipelines/hunyuan/image-prompts.js';
import { hunyuanTemplate } from '../../src/pipelines/hunyuan/prompts.js';
import { type TinyPipeline, writePipeline } from './tiny-folder.js';

/*
 * A pipeline once more, as its original's page has it: texts encoded one by one, branches predicted one by one, everything in
 * double precision by the interpreter.
 */

export type Values = ArrayLike<number>;
type Graph = Parameters<typeof interpret>[0];
/** Of T5's texts, and what texts are padded with. */
export const [length, pad] = [10, { t5: 0, clip: 517 }];

export async function run(
  graph: Graph,
  inputs: Record<string, Values>,
  sizes: object,
  output = 'prediction',
) {
  const found = await interpret(
    graph,
    randomWeights([graph]),
    inputs,
    sizes as Record<string, number>,
  );
  return Float64Array.from(found.get(output)!);
}

export const padded = (ids: readonly number[], count: number, with_: number) =>
  [...ids, ...Array<number>(Math.max(0, count - ids.length)).fill(with_)].slice(0, count);

export const configOf = (tiny: TinyPipeline, name: string) => tiny.models[name]![1];

export async function t5(
  tiny: TinyPipeline,
  name: string,
  ids: readonly number[],
  seen = ids.length,
) {
  const config = parseTextEncoderConfig(configOf(tiny, name));
  const { inputs, sizes } = packTexts(config, [{ ids, length: seen }]);
  return run(textEncoder(config, { maxLength: length }), inputs, sizes, 'hidden');
}

export async function clip(
  tiny: TinyPipeline,
  name: string,
  ids: readonly number[],
  output: string,
) {
  const [className, json] = tiny.models[name]!;
  const config = parseClipTextConfig({ architectures: [className], ...json });
  const { inputs, sizes } = packClipTexts(config, [{ ids }]);
  return run(clipTextEncoder(config, { hiddenStates: true }), inputs, sizes, output);
}

export interface Original {
  readonly tiny: TinyPipeline;
  readonly request: GenerateRequest;
  /** Latents: channels, frames, height, width. */
  readonly size: readonly [number, number, number, number];
  readonly schedule: ScheduleOptions;
  /** Of the original's scheduler, where it is not the folder's. */
  readonly scheduler?: Readonly<Record<string, unknown>>;
  /** @defaultValue classifier-free with the request's scale */
  readonly guidance?: Guidance;
  /** Whether a scale above 1 is no guidance. */
  readonly isUnguided?: true;
  /** What the given latents begin with, and what the result ends with. @defaultValue as they are */
  begin?(latents: Float64Array): Float64Array;
  end?(latents: Float64Array): Float64Array;
  /** Predicts for one text, with what has to be known of the prompt's for the negative one. */
  predict(latents: Float64Array, t: number, ids: Ids, prompt: Ids): Promise<Values>;
}

/** Ids of each tokenizer by its folder. */
export type Ids = Readonly<Record<string, readonly number[]>>;

/** Runs a request by a pipeline in a folder of its own, and by the original's rules. */
export async function expectRules(directory: string, original: Original): Promise<void> {
  const { tiny, request, size, schedule, predict, scheduler = tiny.scheduler } = original;
  await writePipeline(directory, tiny);
  const idsOf = async (prompt: string): Promise<Ids> => {
    const names = Object.entries(tiny.tokenizers ?? {});
    const encoded = names.map(async ([tokenizer, kind]) => {
      const { encode } = await loadTokenizer(join(directory, tokenizer));
      const templates = { llama: hunyuanTemplate, llava: hunyuanImageTemplate };
      if (kind === 'clip' || kind === 't5')
        return [tokenizer, encode(prompt, { maxLength: { clip: 12, t5: length }[kind] }).ids];
      const { before, after, tokens } = templates[kind];
      return [tokenizer, encode(before + prompt + after, { maxLength: tokens + length }).ids];
    });
    return Object.fromEntries(await Promise.all(encoded));
  };
  const prompt = await idsOf(request.prompt!);
  const negative = await idsOf(request.negativePrompt ?? '');
  const count = size.reduce((product, side) => product * side);
  const latents = Float32Array.from({ length: count }, (_, i) => Math.sin(12.9898 * (i + 1)));

  const options = 'sigmas' in schedule ? schedule : { steps: request.steps, ...schedule };
  const scale = request.trueGuidanceScale ?? request.guidanceScale!;
  const isGuided = scale > 1 && !original.isUnguided;
  const plan = schedulerFromConfig(scheduler).schedule(options);
  const same = (values: Float64Array) => values;
  const { begin = same, end = same } = original;
  const start = Float64Array.from(latents, (value) => value * plan.initialNoiseScale);
  const denoised = await denoise<Float64Array>({
    schedule: plan,
    guidance:
      original.guidance ??
      (isGuided ? classifierFree({ scale, rescale: request.guidanceRescale }) : unguided),
    registers: new Map([['sample', begin(start)]]),
    arithmetic: doubleArithmetic({}, () => new Float64Array(count)),
    predict: ({ input, timestep, branches }) =>
      Promise.all(
        branches.map(async (branch) => {
          const ids = branch === 'conditional' ? prompt : negative;
          return { prediction: Float64Array.from(await predict(input, timestep, ids, prompt)) };
        }),
      ),
  });

  const result = end(denoised);
  await using pipe = await loadPipeline(directory, {
    threads: 1,
    dtype: 'f32',
    maxSequenceLength: length,
  });
  const video = await pipe.generate({ ...request, latents });
  expect(video.latents).toHaveLength(count);
  const largest = result.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const error = result.reduce(
    (most, value, i) => Math.max(most, Math.abs(value - video.latents[i]!)),
    0,
  );
  expect(largest).toBeGreaterThan(0.5);
  expect(error / largest).toBeLessThan(2e-5);
}
