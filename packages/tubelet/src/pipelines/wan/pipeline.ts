import { classifierFree, unguided } from '@tubelet/diffusion';
import { defaultTileSize, vaeFactors } from '@tubelet/models';
import { type Device, findNonFinite } from '@tubelet/runtime';
import { TubeletError } from '../../errors.js';
import { fitImage, type ImageSource, readImage } from '../../media/index.js';
import type { EncodedText } from '../../text/index.js';
import { type DTypes, readDTypes } from '../dtypes.js';
import { type GenerationDefaults, readGenerationDefaults } from '../generation-defaults.js';
import { type LatentMath, latentMath } from '../latents.js';
import type { ModelFolder } from '../model-folder.js';
import { fromBytes, type RgbValues, toBytes, type Video, video } from '../video.js';
import { aborted } from './aborted.js';
import { loadAutoencoder, type WanAutoencoder } from './autoencoder.js';
import { denoiseLatents } from './denoise-latents.js';
import { type CheckedRequest, checkRequest, type GenerateRequest } from './request.js';
import { chooseScheduler } from './scheduler.js';
import { requireSplittable } from './split-transformer.js';
import { type EncodedPrompt, loadPromptEncoder, type PromptEncoder } from './text.js';
import { loadTransformer, type WanTransformer } from './transformer.js';

/** A loaded Wan model: text, and a first frame where the model takes one, to video (diffusers 0.42.1, WanPipeline). */
export interface Pipeline extends AsyncDisposable {
  readonly defaults: GenerationDefaults;
  /** Whether `image` can be given: the model has a timestep for each token. */
  readonly takesImage: boolean;
  /**
   * Makes a video. Several calls at once share the device, step by step; each gives the bytes it would give alone.
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
  /** What `generate` makes of its prompts: cleaned, as tokens, encoded. */
  encodePrompts(
    prompts: readonly string[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<readonly EncodedPrompt[]>;
  /** Frees the weights and all else, unless the device was given; work in progress ends with DISPOSED. */
  dispose(): Promise<void>;
}

/** What can be chosen when a pipeline is loaded. */
export interface PipelineOptions {
  /**
   * Tokens that texts are padded to, 1 to 512; other lengths give other videos.
   * @defaultValue the model's generation.json, else its tokenizer's `model_max_length`
   */
  readonly maxSequenceLength?: number;
  /**
   * The least precise arithmetic of matrix products, of all parts or of each: `bf16` needs AVX-512 BF16, `int8` AVX-512 VNNI
   * (convolution and attention then take bf16); elsewhere the next more precise one runs. Sums, norms and softmax stay float32.
   * @defaultValue `'f32'`
   */
  readonly dtype?: DTypes;
}

interface Parts {
  readonly device: Device;
  readonly math: LatentMath;
  readonly defaults: GenerationDefaults;
  readonly schedulerConfig: Readonly<Record<string, unknown>>;
  readonly prompts: PromptEncoder;
  readonly transformer: WanTransformer;
  readonly autoencoder: WanAutoencoder;
  readonly takesImage: boolean;
}

export async function loadWanPipeline(
  device: Device,
  folder: ModelFolder,
  { maxSequenceLength, dtype }: PipelineOptions,
): Promise<Pipeline> {
  const dtypes = readDTypes(dtype);
  const [index, defaults, schedulerConfig] = await Promise.all([
    folder.json('model_index.json'),
    readGenerationDefaults(folder),
    folder.json('scheduler', 'scheduler_config.json'),
  ]);
  requireOneTransformer(index);
  chooseScheduler(schedulerConfig, undefined);
  const math = latentMath(device);
  const [prompts, transformer, autoencoder] = await Promise.all([
    loadPromptEncoder(
      device,
      folder,
      maxSequenceLength ?? defaults.maxSequenceLength,
      dtypes.textEncoder,
    ),
    loadTransformer(device, folder, dtypes.transformer, math),
    loadAutoencoder(device, folder, dtypes.vae),
  ]);
  requireMatching(prompts, transformer, autoencoder);
  const takesImage = index.expand_timesteps === true;
  const parts = {
    device,
    math,
    defaults,
    schedulerConfig,
    prompts,
    transformer,
    autoencoder,
    takesImage,
  };
  const dispose = async () => device.dispose();
  return {
    defaults,
    takesImage,
    generate: (request) => generate(parts, request),
    check: (request) => check(parts, request).checked,
    encodePrompts: (texts, options) => prompts.encode(texts.map(prompts.tokenize), options),
    dispose,
    [Symbol.asyncDispose]: dispose,
  };
}

function check(parts: Parts, request: GenerateRequest) {
  const { transformer, autoencoder } = parts;
  const checked = checkRequest(request, parts.defaults, {
    ...vaeFactors(autoencoder.config),
    patchSize: transformer.config.patchSize,
    latentChannels: autoencoder.config.latentChannels,
    maxTokensPerAxis: transformer.config.ropeMaxSeqLen,
  });
  if (request.image !== undefined && !parts.takesImage) {
    const message =
      'image must be = absent for this model, which has no timestep per token (expand_timesteps), got one';
    throw new TubeletError('BAD_INPUT', 'generate', message);
  }
  if (request.cache?.kind === 'first-block') requireSplittable(transformer.config);
  const scheduler = chooseScheduler(parts.schedulerConfig, request.scheduler);
  const schedule = scheduler.schedule({ steps: checked.steps, precision: 'single' });
  return { checked, schedule };
}

async function generate(parts: Parts, request: GenerateRequest): Promise<Video> {
  const { prompts } = parts;
  const { signal } = request;
  if (signal?.aborted) throw aborted(signal);
  const { checked, schedule } = check(parts, request);

  const guided = checked.guidanceScale > 1;
  const { onProgress } = request;
  const given = [request.prompt, ...(guided ? [request.negativePrompt ?? ''] : [])];
  const total = given.length;
  onProgress?.({ stage: 'tokens', done: 0, total });
  const texts = given.map(prompts.tokenize);
  onProgress?.({ stage: 'tokens', done: total, total });
  const warnings = texts.flatMap((text, i) =>
    cutWarning(i === 0 ? 'prompt' : 'negative prompt', text, prompts.maxLength),
  );
  onProgress?.({ stage: 'text', done: 0, total });
  const encoded = await prompts.encode(texts, { signal });
  onProgress?.({ stage: 'text', done: total, total });

  const heldFrame =
    request.image === undefined ? undefined : await encodeFirstFrame(parts, request, checked);
  const latents = await denoiseLatents(parts, request, checked, {
    schedule,
    guidance: guided ? classifierFree({ scale: checked.guidanceScale }) : unguided,
    texts: encoded.map(({ embeddings }) => embeddings),
    heldFrame,
  });
  await requireFinite(parts, latents);
  const frames = await decodeFrames(parts, request, checked, latents);
  const { width, height, fps, seed } = checked;
  return video({ frames, latents, width, height, fps, seed, warnings });
}

/** At most one sentence: how much of a text did not fit, and how it begins. */
function cutWarning(what: string, { droppedTokens, droppedText }: EncodedText, most: number) {
  if (droppedTokens === 0) return [];
  const shown = 80;
  const text = droppedText ?? '';
  const quoted = text.length > shown ? `${text.slice(0, shown)}…` : text;
  return [`the ${what} is longer than ${most} tokens: ${droppedTokens} were dropped, "${quoted}"`];
}

async function encodeFirstFrame(
  { autoencoder }: Parts,
  { image, tiling, signal, onProgress }: GenerateRequest,
  { width, height }: CheckedRequest,
): Promise<Float32Array> {
  onProgress?.({ stage: 'image', done: 0, total: 1 });
  const pixels = await firstFramePixels(image!, width, height);
  const firstFrame = await autoencoder.encodeImage(pixels, height, width, {
    signal,
    tiling: tiling ? defaultTileSize : undefined,
  });
  onProgress?.({ stage: 'image', done: 1, total: 1 });
  return firstFrame;
}

/** [height, width, 3] in [-1, 1] */
async function firstFramePixels(
  image: ImageSource | RgbValues,
  width: number,
  height: number,
): Promise<Float32Array> {
  if (typeof image !== 'object' || !('data' in image) || !(image.data instanceof Float32Array))
    return fromBytes(fitImage(await readImage(image as ImageSource), width, height).data);
  const { data } = image;
  const isRight =
    image.width === width && image.height === height && data.length === width * height * 3;
  if (!isRight || !data.every((value) => value >= 0 && value <= 1)) {
    const expected = `${width}x${height}x3 values in [0, 1]`;
    const got = isRight ? 'others' : `${image.width}x${image.height}, ${data.length} values`;
    throw new TubeletError('BAD_INPUT', 'generate', `image must be = ${expected}, got ${got}`);
  }
  return data.map((value) => 2 * value - 1);
}

async function decodeFrames(
  { autoencoder }: Parts,
  { onProgress, signal, tiling }: GenerateRequest,
  { latent, width, height }: CheckedRequest,
  latents: Float32Array,
): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = [];
  let done = 0;
  onProgress?.({ stage: 'decode', done, total: latent.frames });
  const options = { signal, tiling: tiling ? defaultTileSize : undefined };
  for await (const chunk of autoencoder.decode(latents, latent, options)) {
    const bytes = toBytes(chunk);
    const size = width * height * 3;
    for (let at = 0; at < bytes.length; at += size) frames.push(bytes.slice(at, at + size));
    onProgress?.({ stage: 'decode', done: ++done, total: latent.frames });
  }
  return frames;
}

/** NaN anywhere in the weights ends up here; only then is it worth looking for them. */
async function requireFinite(parts: Parts, latents: Float32Array): Promise<void> {
  if (latents.every(Number.isFinite)) return;
  const found: string[] = [];
  for (const { weights } of [parts.prompts, parts.transformer, parts.autoencoder])
    found.push(...(await findNonFinite(weights)));
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

/** What this pipeline does not have is said before anything is loaded. */
function requireOneTransformer(index: Readonly<Record<string, unknown>>): void {
  const second = index.transformer_2;
  if (Array.isArray(second) && second[0] !== null)
    throw new TubeletError(
      'UNSUPPORTED',
      'model',
      'transformer_2 must be = absent, got a model of two experts (Wan 2.2 A14B)',
    );
}

function requireMatching(
  prompts: PromptEncoder,
  { config }: WanTransformer,
  autoencoder: WanAutoencoder,
): void {
  const { latentChannels } = autoencoder.config;
  for (const [what, expected, got] of [
    ['text_dim of the transformer', prompts.dim, config.textDim],
    ['in_channels of the transformer', latentChannels, config.inChannels],
    ['out_channels of the transformer', latentChannels, config.outChannels],
    ['image_dim of the transformer', null, config.imageDim],
    ['in_channels of the autoencoder', 3, autoencoder.config.inChannels],
    ['out_channels of the autoencoder', 3, autoencoder.config.outChannels],
  ] as const) {
    if (expected !== got)
      throw new TubeletError(
        'UNSUPPORTED',
        'model',
        `${what} must be = ${expected} for text to video, got ${got}`,
      );
  }
}
