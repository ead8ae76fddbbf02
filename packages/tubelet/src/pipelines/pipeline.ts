import { classifierFree, type Guidance, type Schedule, unguided } from '@tubelet/diffusion';
import { type Device, findNonFinite, type RunOptions, type Weights } from '@tubelet/runtime';
import { TubeletError } from '../errors.js';
import { aborted } from './aborted.js';
import { denoiseLatents } from './denoise-latents.js';
import type { DTypes } from './dtypes.js';
import type { GenerationDefaults } from './generation-defaults.js';
import type { LatentMath } from './latents.js';
import type { PreparedInputs } from './model-calls.js';
import type { Conditions, EncodedPrompt, HeldFrames, PromptEncoder } from './prompts.js';
import {
  type CheckedRequest,
  checkRequest,
  type GenerateRequest,
  type SizeRules,
} from './request.js';
import { splitOf } from './step-cache.js';
import type { Transformer } from './transformer.js';
import type { TransformerOptions } from './transformer-weights.js';
import { toBytes, type Video, video } from './video.js';

/** A loaded diffusers pipeline: text, and a first frame where the model takes one, to a video or an image. */
export interface Pipeline extends AsyncDisposable {
  readonly defaults: GenerationDefaults;
  /** Whether `image` can be given. */
  readonly takesImage: boolean;
  /** Whether `lastImage` can be given. */
  readonly takesLastImage: boolean;
  /**
   * Makes a video, or an image as a video of one frame. Several calls at once share the device, step by step; each gives the
   * bytes it would give alone.
   *
   * @throws TubeletError BAD_INPUT for a request that cannot be, before any work; ABORTED; BAD_WEIGHT when the weights
   * give no finite numbers; OUT_OF_MEMORY
   */
  generate(request: GenerateRequest): Promise<Video>;
  /**
   * What `generate` would do: every default filled in, without any work.
   *
   * @throws TubeletError BAD_INPUT, UNSUPPORTED or BAD_CONFIG, as `generate` would at its start
   */
  check(request: GenerateRequest): CheckedRequest;
  /**
   * What `generate` makes of its prompts: cleaned, as tokens, encoded.
   *
   * @throws TubeletError UNSUPPORTED for a model that takes no prompts
   */
  encodePrompts(
    prompts: readonly string[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<readonly EncodedPrompt[]>;
  /** Frees the weights and all else; work in progress ends with DISPOSED. */
  dispose(): Promise<void>;
}

/** What can be chosen when a pipeline is loaded. */
export interface PipelineOptions extends TransformerOptions {
  /**
   * Most tokens of a text, 1 to 512, to which most pipelines pad it; other lengths give other results.
   * @defaultValue the model's generation.json, else the default of diffusers' pipeline
   */
  readonly maxSequenceLength?: number;
  /**
   * The least precise arithmetic of matrix products, of all parts or of each: `bf16` needs AVX-512 BF16, `int8` AVX-512 VNNI
   * (convolution and attention then take bf16); elsewhere the next more precise one runs. Sums, norms and softmax stay float32.
   * @defaultValue `'bf16'` where the device multiplies it faster, else `'f32'`; docs/numerics.md has what that changes
   */
  readonly dtype?: DTypes;
}

/** How an autoencoder decodes. */
export interface DecodeOptions extends RunOptions {
  /** In overlapping tiles: less memory, other values at the seams. */
  readonly tiling: boolean;
  /** Of decoders that are told one. */
  readonly decodeTimestep: number;
  readonly decodeNoiseScale: number;
}

/** A request of which everything is known but the noise. */
export type PrepareArguments<Condition> = readonly [
  checked: CheckedRequest,
  branches: readonly Condition[],
  held: HeldFrames | undefined,
];

/**
 * What a pipeline of diffusers brings; the rest is the same for all.
 *
 * @typeParam Condition what a branch of the guidance is given
 */
export interface Family<Condition> {
  readonly device: Device;
  readonly math: LatentMath;
  readonly defaults: GenerationDefaults;
  /** Options that only some pipelines take, and this one does. */
  readonly takes: readonly (keyof GenerateRequest)[];
  /** Those of `takes` that it cannot do without. @defaultValue none */
  readonly needs?: readonly (keyof GenerateRequest)[];
  readonly sizes: SizeRules;
  /** Of all parts. */
  readonly weights: readonly Weights[];
  /** Of models that take prompts. */
  readonly prompts?: PromptEncoder;
  /** @throws TubeletError BAD_INPUT, UNSUPPORTED, BAD_CONFIG */
  schedule(request: GenerateRequest, checked: CheckedRequest): Schedule;
  /** Whether a second, unconditional prediction is asked for. @defaultValue where the guidance scale is above 1 */
  isGuided?(request: GenerateRequest): boolean;
  /** @defaultValue classifier-free with the request's scale, none where it is 1 or less */
  guidance?(request: GenerateRequest, checked: CheckedRequest): Guidance;
  condition(request: GenerateRequest, checked: CheckedRequest): Promise<Conditions<Condition>>;
  readonly transformer: Transformer;
  /** What the transformer is given at each call of a request. */
  prepare(...request: PrepareArguments<Condition>): Promise<PreparedInputs>;
  /** How many times the latents' channels the model predicts: 2 where it predicts a variance too. @defaultValue 1 */
  readonly predictions?: 1 | 2;
  /** @returns frames of some latent frames as they come, [F, H, W, 3], about [-1, 1] */
  decode(
    latents: Float32Array,
    checked: CheckedRequest,
    options: DecodeOptions,
  ): AsyncIterable<Float32Array>;
}

export function createPipeline<Condition>(family: Family<Condition>): Pipeline {
  const { device, math, defaults, takes, prompts, transformer } = family;

  const check = (request: GenerateRequest) => {
    const given = checkRequest(request, defaults, family.sizes, takes, family.needs);
    const guided = family.isGuided?.(request) ?? given.guided;
    const checked = { ...given, guided };
    if (request.cache?.kind === 'first-block') splitOf(transformer);
    return { checked, schedule: family.schedule(request, checked) };
  };
  const guidanceOf = (request: GenerateRequest, checked: CheckedRequest) => {
    if (family.guidance) return family.guidance(request, checked);
    return checked.guided ? classifierFree({ scale: checked.guidanceScale }) : unguided;
  };
  const dispose = async () => device.dispose();

  return {
    defaults,
    takesImage: takes.includes('image'),
    takesLastImage: takes.includes('lastImage'),
    check: (request) => check(request).checked,
    async generate(request) {
      const { checked, schedule } = check(request);
      const { signal } = request;
      if (signal?.aborted) throw aborted(signal);
      const { branches, warnings, held, mixed } = await family.condition(request, checked);
      const given = [checked, branches, held] as const;
      const latents = await transformer.withLoras(request.loras ?? [], (transformer) =>
        denoiseLatents({ device, math }, request, checked, {
          schedule,
          guidance: guidanceOf(request, checked),
          model: {
            whole: async () => transformer.prepare(await family.prepare(...given)),
            split: async () => splitOf(transformer)(await family.prepare(...given)),
          },
          channels: family.sizes.latentChannels,
          predictions: family.predictions ?? 1,
          held,
          mixed,
        }),
      );
      await requireFinite(family.weights, latents);
      const frames = await decodeFrames(family, request, checked, latents);
      const { width, height, fps, seed } = checked;
      return video({ frames, latents, width, height, fps, seed, warnings });
    },
    async encodePrompts(texts, options) {
      if (prompts) return prompts.encode(texts.map(prompts.tokenize), options);
      const message = 'prompts must be = absent for this model, got some';
      throw new TubeletError('UNSUPPORTED', 'generate', message);
    },
    dispose,
    [Symbol.asyncDispose]: dispose,
  };
}

async function decodeFrames(
  family: Pick<Family<unknown>, 'decode' | 'sizes'>,
  { onProgress, signal, tiling = false, ...request }: GenerateRequest,
  checked: CheckedRequest,
  latents: Float32Array,
): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = [];
  const { time } = family.sizes;
  const total = checked.latent.frames - checked.padding;
  let done = 0;
  onProgress?.({ stage: 'decode', done, total });
  const { decodeTimestep = 0, decodeNoiseScale = decodeTimestep } = request;
  const options = { signal, tiling, decodeTimestep, decodeNoiseScale };
  for await (const chunk of family.decode(latents, checked, options)) {
    const bytes = toBytes(chunk);
    const size = checked.width * checked.height * 3;
    for (let at = 0; at < bytes.length; at += size) frames.push(bytes.slice(at, at + size));
    done = (frames.length - 1) / time + 1;
    onProgress?.({ stage: 'decode', done, total });
  }
  return frames;
}

/** NaN anywhere in the weights ends up here; only then is it worth looking for them. */
async function requireFinite(weights: readonly Weights[], latents: Float32Array): Promise<void> {
  if (latents.every(Number.isFinite)) return;
  const found: string[] = [];
  for (const each of weights) found.push(...(await findNonFinite(each)));
  const shown =
    found.slice(0, 10).join(', ') + (found.length > 10 ? ` and ${found.length - 10} more` : '');
  throw new TubeletError(
    'BAD_WEIGHT',
    'generate',
    found.length > 0
      ? `weights must be = finite, got NaN or infinity in ${shown}`
      : "latents must be = finite, got NaN or infinity from finite weights: the request leaves the model's range",
  );
}

/** Sizes by which the parts of a pipeline must fit each other. @throws TubeletError UNSUPPORTED */
export function requireMatching(
  sizes: readonly (readonly [what: string, expected: unknown, got: unknown])[],
): void {
  for (const [what, expected, got] of sizes) {
    if (expected === got) continue;
    const message = `${what} must be = ${expected} for this pipeline, got ${got}`;
    throw new TubeletError('UNSUPPORTED', 'model', message);
  }
}
