import { checkStepCache, type StepCacheOptions } from '@tubelet/diffusion';
import type { ImageSize } from '@tubelet/models';
import { TubeletError } from '../errors.js';
import type { ImageSource } from '../media/index.js';
import type { GenerationDefaults } from './generation-defaults.js';
import { checkLoras, type Lora } from './lora.js';
import type { LatentSize } from './model-calls.js';
import type { SchedulerConfig, SchedulerName } from './scheduler.js';
import type { RgbValues } from './video.js';

/** A video or an image to make. What is left out is the model's default. */
export interface GenerateRequest {
  /** What the video shows; may be empty. All models need one but those of classes. */
  readonly prompt?: string;
  /** DiT: the class, by its number or by a name that the model has for it. */
  readonly classLabel?: number | string;
  /** What guidance leads away from. @defaultValue `''` */
  readonly negativePrompt?: string;
  /**
   * The first frame, of models that take one (`takesImage`). Cropped to the aspect and scaled to the size, but values must have
   * the size.
   */
  readonly image?: ImageSource | RgbValues;
  /**
   * Wan 2.1 FLF2V, which needs one, and Wan 2.2 I2V-A14B: the last frame, made to fit like the first one. The video leads from one
   * to the other, in 5 frames or more.
   */
  readonly lastImage?: ImageSource | RgbValues;
  /** Pixels; multiples of what the autoencoder and the patches need, in Wan models of 16 too. */
  readonly width?: number;
  readonly height?: number;
  /** One more than a multiple of the autoencoder's compression of time: 4k + 1 in Wan models. 1 is a still. */
  readonly numFrames?: number;
  /** Frames a second of the result; the model does not see it. */
  readonly fps?: number;
  /**
   * PixArt: make the trained size nearest in aspect ratio, then scale and crop the picture to the size.
   * @defaultValue true
   */
  readonly resolutionBinning?: boolean;
  /** Number of denoising steps. */
  readonly steps?: number;
  /** 1 or less is no guidance, at half the cost. */
  readonly guidanceScale?: number;
  /**
   * Wan 2.2 of two experts: the scale of the second one, of the low noise. Only where `guidanceScale` asks for guidance.
   * @defaultValue `guidanceScale`
   */
  readonly guidanceScale2?: number;
  /**
   * LTX-Video with a decoder that is told a timestep: that timestep, 0 to 1. @defaultValue 0
   */
  readonly decodeTimestep?: number;
  /** The same: how much noise is mixed into the latents before they are decoded, 0 to 1. @defaultValue the decode timestep */
  readonly decodeNoiseScale?: number;
  /**
   * Stable Diffusion and XL: how much of the guided prediction's standard deviation becomes the prompt's own, 0 to 1.
   * @defaultValue 0
   */
  readonly guidanceRescale?: number;
  /**
   * U-Nets: how many of the text encoder's last blocks are left out for the prompt; as in diffusers, not for the negative one.
   * @defaultValue 0
   */
  readonly clipSkip?: number;
  /** Stable Diffusion XL: the sizes it is told. */
  readonly sizeConditions?: SizeConditions;
  /** The same beside the negative prompt. @defaultValue as beside the prompt */
  readonly negativeSizeConditions?: SizeConditions;
  /**
   * CogVideoX: a guidance scale that follows the timestep, diffusers' `use_dynamic_cfg`.
   * @defaultValue false
   */
  readonly dynamicGuidance?: boolean;
  /**
   * FLUX, HunyuanVideo: guidance by a second prediction for the negative prompt, beside the distilled one of `guidanceScale`.
   * @defaultValue 1, which is none
   */
  readonly trueGuidanceScale?: number;
  /**
   * DiT: how many of the latents' channels are guided, the first ones.
   * @defaultValue 3 for the original's checkpoints, as it was released; all for those of diffusers
   */
  readonly guidanceChannels?: number | 'all';
  /**
   * By name, with the checkpoint's shift or noise, or a diffusers scheduler_config.json.
   * @defaultValue the checkpoint's own
   */
  readonly scheduler?: SchedulerName | SchedulerConfig;
  /**
   * Answers some steps from earlier ones: faster, another video. `first-block` with a `threshold` (0.1 is a beginning) or
   * `taylor` with an `interval` (2 or 3).
   * @defaultValue off
   */
  readonly cache?: StepCacheOptions;
  /**
   * LoRAs of this request alone, beside those that were merged when the model was loaded: the first request with some costs a
   * compilation of the transformer, the four latest sets stay.
   * @defaultValue none
   */
  readonly loras?: readonly Lora[];
  /** 0 to 2^53 - 1; the same seed gives the same video. @defaultValue a random one below 2^32 */
  readonly seed?: number;
  /** Starting noise [channels, frames, height, width] instead of the seed's. */
  readonly latents?: Float32Array;
  /** Decode in tiles: less memory for large frames, other values at the seams. @defaultValue false */
  readonly tiling?: boolean;
  /** Stops the work at the next node of a plan; the call throws TubeletError ABORTED. */
  readonly signal?: AbortSignal;
  /** Called after each denoising step, and waited for. */
  onStep?(progress: StepProgress): void | Promise<void>;
  /** Called whenever a stage begins or gets on. */
  onProgress?(progress: StageProgress): void;
}

/** What Stable Diffusion XL is told of a picture, in pixels; it has learnt to draw cropped pictures as such. */
export interface SizeConditions {
  /** Before it was cropped. @defaultValue the request's size */
  readonly original?: { readonly width: number; readonly height: number };
  /** Where the crop begins. @defaultValue 0, 0 */
  readonly crop?: { readonly left: number; readonly top: number };
  /** @defaultValue the request's size */
  readonly target?: { readonly width: number; readonly height: number };
}

/** What is known after a denoising step. */
export interface StepProgress {
  /** From 1 to `steps`, which counts model calls. */
  readonly step: number;
  readonly steps: number;
  /** What the model was told. */
  readonly timestep: number;
  /** Whether a cache answered for the model, or for most of it. */
  readonly isReused: boolean;
  /** Reads the latents after this step: [channels, frames, height, width]. Only during the call. */
  latents(): Promise<Float32Array>;
}

/** `done` of `total` pieces of work of a stage, in this order: texts, texts, the image, steps, latent frames. */
export interface StageProgress {
  readonly stage: 'tokens' | 'text' | 'image' | 'denoise' | 'decode';
  readonly done: number;
  readonly total: number;
}

/** A request with every default filled in and every value checked. */
export interface CheckedRequest {
  readonly width: number;
  readonly height: number;
  readonly numFrames: number;
  readonly fps: number;
  readonly steps: number;
  readonly guidanceScale: number;
  /** Whether the scale asks for a second, unconditional prediction. */
  readonly guided: boolean;
  readonly seed: number;
  /** What is denoised. */
  readonly latent: LatentSize;
  /** How many latent frames in front are no part of the video. */
  readonly padding: number;
}

/** What sizes must be multiples of. */
export interface SizeRules {
  /** Pixels along each side of one latent. */
  readonly space: number;
  /** Frames of one latent frame after the first. */
  readonly time: number;
  /** What latent frames are padded in front to multiples of. @defaultValue 1 */
  readonly framesPadded?: number;
  /** How many latent frames in front are made and not shown. @defaultValue 0 */
  readonly leading?: number;
  /** @defaultValue as many as there is room for */
  readonly maxFrames?: number;
  /** What sides in pixels must be multiples of besides. @defaultValue 1 */
  readonly multiple?: number;
  /** Latents along each axis of one token. */
  readonly patchSize: readonly [t: number, h: number, w: number];
  readonly latentChannels: number;
  /** What is denoised where it is another size than what is asked for, which then may be any. */
  readonly denoisedSize?: (size: ImageSize, request: GenerateRequest) => ImageSize;
  /** @defaultValue as many as there is room for */
  readonly maxTokensPerAxis?: number;
}

const mostSteps = 1000;
const longestSide = 16_384;

/** Every option, so that a misspelt one is refused. */
const options: Readonly<Record<keyof GenerateRequest, true>> = {
  prompt: true,
  classLabel: true,
  negativePrompt: true,
  image: true,
  lastImage: true,
  width: true,
  height: true,
  numFrames: true,
  fps: true,
  resolutionBinning: true,
  steps: true,
  guidanceScale: true,
  guidanceRescale: true,
  clipSkip: true,
  sizeConditions: true,
  negativeSizeConditions: true,
  guidanceScale2: true,
  trueGuidanceScale: true,
  dynamicGuidance: true,
  guidanceChannels: true,
  decodeTimestep: true,
  decodeNoiseScale: true,
  scheduler: true,
  cache: true,
  loras: true,
  seed: true,
  latents: true,
  tiling: true,
  signal: true,
  onStep: true,
  onProgress: true,
};

/** Options that every model takes. */
const common: readonly (keyof GenerateRequest)[] = [
  'width',
  'height',
  'fps',
  'steps',
  'guidanceScale',
  'scheduler',
  'cache',
  'loras',
  'seed',
  'latents',
  'tiling',
  'signal',
  'onStep',
  'onProgress',
];

/**
 * @param takes options that not every model takes, and this one does
 * @param needs options that this model cannot do without
 * @throws TubeletError BAD_INPUT that names the value, and the nearest that would do
 */
export function checkRequest(
  request: GenerateRequest,
  defaults: GenerationDefaults,
  rules: SizeRules,
  takes: readonly (keyof GenerateRequest)[],
  needs: readonly (keyof GenerateRequest)[] = [],
): CheckedRequest {
  const isRequest = typeof request === 'object' && request !== null;
  require(isRequest, 'request', 'an object of options', request === null ? 'null' : typeof request);
  const unknown = Object.keys(request).filter((name) => !Object.hasOwn(options, name));
  require(unknown.length === 0, 'options', Object.keys(options).join(', '), unknown.join(', '));
  requireTaken(request, takes);
  for (const name of needs)
    require(request[name] !== undefined, name, 'given for this model', 'none');
  for (const [name, text] of Object.entries({
    prompt: takes.includes('prompt') ? request.prompt : '',
    negativePrompt: request.negativePrompt ?? '',
  }))
    require(typeof text === 'string', name, 'text', typeof text);
  const { signal, onStep, onProgress } = request;
  const hears = signal === undefined || typeof signal?.addEventListener === 'function';
  require(hears, 'signal', 'an AbortSignal', typeof signal);
  for (const [name, call] of Object.entries({ onStep, onProgress }))
    require(call === undefined || typeof call === 'function', name, 'a function', typeof call);
  const { width = defaults.width, height = defaults.height } = request;
  const { numFrames = defaults.numFrames, fps = defaults.fps, steps = defaults.steps } = request;
  const { guidanceScale = defaults.guidanceScale, seed = randomSeed(), latents } = request;
  const { guidanceScale2 = 0, trueGuidanceScale = 1, decodeTimestep = 0 } = request;
  const { decodeNoiseScale = decodeTimestep, guidanceRescale = 0 } = request;

  if (request.cache !== undefined) checkStepCache(request.cache);
  if (request.loras !== undefined) checkLoras(request.loras);
  const [patchT, patchH, patchW] = rules.patchSize;
  const asked = { width, height };
  if (rules.denoisedSize) for (const [name, side] of Object.entries(asked)) requireSide(name, side);
  const size = rules.denoisedSize?.(asked, request) ?? asked;
  const { multiple = 1 } = rules;
  requireMultiple('width', size.width, leastCommonMultiple(multiple, rules.space * patchW));
  requireMultiple('height', size.height, leastCommonMultiple(multiple, rules.space * patchH));
  requireFrames(numFrames, rules.time, patchT, rules.maxFrames ?? 100_000);
  require(Number.isFinite(fps) && fps > 0 && fps <= 1000, 'fps', 'above 0 and at most 1000', fps);
  require(isWhole(steps, 1, mostSteps), 'steps', `1 to ${mostSteps}`, steps);
  const scales = { guidanceScale, guidanceScale2, trueGuidanceScale };
  for (const [name, scale] of Object.entries(scales))
    require(Number.isFinite(scale) && scale >= 0, name, 'a number from 0', scale);
  for (const [name, value] of Object.entries({ decodeTimestep, decodeNoiseScale, guidanceRescale }))
    require(Number.isFinite(value) &&
      value >= 0 &&
      value <= 1, name, 'a number from 0 to 1', value);
  require(isWhole(
    seed,
    0,
    Number.MAX_SAFE_INTEGER,
  ), 'seed', 'a whole number from 0 to 2^53 - 1', seed);

  const frames = (numFrames - 1) / rules.time + 1;
  const { leading = 0 } = rules;
  const least = `${rules.time * leading + 1} or more for this model`;
  require(frames > leading, 'numFrames', least, numFrames);
  const padding =
    (rules.framesPadded ?? 1) * Math.ceil(frames / (rules.framesPadded ?? 1)) - frames;
  const latent = {
    frames: frames + padding,
    height: size.height / rules.space,
    width: size.width / rules.space,
  };
  const longest = Math.max(latent.frames / patchT, latent.height / patchH, latent.width / patchW);
  const most = rules.maxTokensPerAxis ?? Number.POSITIVE_INFINITY;
  require(longest <= most, 'size', `at most ${most} tokens along each axis`, longest);
  const elements = rules.latentChannels * latent.frames * latent.height * latent.width;
  if (latents !== undefined) {
    const got = latents instanceof Float32Array ? `${latents.length} values` : typeof latents;
    require(latents instanceof Float32Array &&
      latents.length === elements, 'latents', `a Float32Array of ${elements} values`, got);
  }
  const guided = guidanceScale > 1;
  return {
    width,
    height,
    numFrames,
    fps,
    steps,
    guidanceScale,
    guided,
    seed,
    latent,
    padding: padding + leading,
  };
}

/** An image model makes one frame; a number of frames is refused only where it asks for more. */
function requireTaken(request: GenerateRequest, takes: readonly (keyof GenerateRequest)[]): void {
  for (const [name, value] of Object.entries(request)) {
    const option = name as keyof GenerateRequest;
    if (value === undefined || common.includes(option) || takes.includes(option)) continue;
    if (option === 'numFrames') require(value === 1, name, '1 for this model', String(value));
    else require(value === '', name, 'absent for this model', 'one');
  }
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}

function isWhole(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

function requireSide(name: string, value: number): void {
  require(isWhole(value, 1, longestSide), name, `a whole number from 1 to ${longestSide}`, value);
}

function requireMultiple(name: string, value: number, of: number): void {
  const most = Math.floor(longestSide / of) * of;
  const good = isWhole(value, of, most) && value % of === 0;
  const expected = `a multiple of ${of} up to ${most}, the nearest being ${nearest(value, of, of, most)}`;
  require(good, name, expected, value);
}

function requireFrames(value: number, time: number, patchT: number, longest: number): void {
  const unit = time * patchT;
  const first = time * (patchT - 1) + 1;
  const most = first + Math.floor((longest - first) / unit) * unit;
  const good = isWhole(value, first, most) && (value - first) % unit === 0;
  const expected = `${unit}k + ${first} up to ${most}, the nearest being ${nearest(value, unit, first, most)}`;
  require(good, 'numFrames', expected, value);
}

/** The one or two of first, first + unit, …, most that stand next to a value. */
function nearest(value: number, unit: number, first: number, most: number): string {
  const inside = Math.min(Math.max(Number.isFinite(value) ? value : first, first), most);
  const below = first + Math.floor((inside - first) / unit) * unit;
  return [...new Set([below, inside === below ? below : below + unit])].join(' and ');
}

function leastCommonMultiple(a: number, b: number): number {
  const greatest = (x: number, y: number): number => (y === 0 ? x : greatest(y, x % y));
  return (a * b) / greatest(a, b);
}

function require(holds: boolean, what: string, expected: string, got: string | number): void {
  if (!holds)
    throw new TubeletError('BAD_INPUT', 'generate', `${what} must be = ${expected}, got ${got}`);
}
