import { resolve } from 'node:path';
import {
  checkOutputPath,
  createVideoWriter,
  type GenerateRequest,
  type Lora,
  loadPipeline,
  mediaFormat,
  type Pipeline,
  type RgbImage,
  readImage,
  type SchedulerName,
  type StageProgress,
  type StepCacheOptions,
  TubeletError,
  type Video,
} from 'tubelet';
import { type ModelOptions, modelOptions } from './model-flags.js';
import { createProgress, duration, type Progress, type Stage } from './progress.js';
import type { Terminal } from './terminal.js';

/** What `tubelet generate` was asked; what is absent is the model's default. */
export interface GenerateOptions extends ModelOptions {
  readonly prompt?: string;
  /** Of a model of classes, in place of a prompt. */
  readonly class?: string;
  /** How many, with this seed and those that follow it. @defaultValue 1 */
  readonly count?: number;
  readonly out: string;
  readonly seed: number;
  /** A diffusers folder. */
  readonly model: string;
  readonly width?: number;
  readonly height?: number;
  readonly frames?: number;
  readonly fps?: number;
  readonly scale?: number;
  readonly steps?: number;
  readonly guidance?: number;
  readonly guidance2?: number;
  readonly scheduler?: SchedulerName;
  readonly cache?: StepCacheOptions;
  readonly tiling?: boolean;
  readonly negative?: string;
  readonly image?: string;
  readonly lastImage?: string;
  readonly threads?: number;
  readonly transformer?: string;
  readonly lora?: readonly Lora[];
  readonly transformer2?: string;
  readonly lora2?: readonly Lora[];
  readonly dtype?: 'f32' | 'bf16' | 'int8';
  readonly json?: boolean;
}

const mostAtOnce = 1000;

const stages: Readonly<Record<StageProgress['stage'], Stage>> = {
  tokens: 'tokens',
  text: 'encoding',
  image: 'encoding',
  denoise: 'denoising',
  decode: 'decoding',
};

/** Makes a video and writes it; what can be refused is refused before the work. */
export async function generate(options: GenerateOptions, terminal: Terminal): Promise<void> {
  const { out, json } = options;
  const progress = createProgress(json ? undefined : terminal.errors);
  const start = performance.now();
  try {
    await checkOutputPath(out);
    const images = { image: await read(options.image), lastImage: await read(options.lastImage) };
    progress.report('loading', 0, 1);
    await using pipe = await loadPipeline(options.model, {
      threads: options.threads,
      dtype: options.dtype,
      transformer: options.transformer,
      loras: options.lora,
      transformer2: options.transformer2,
      loras2: options.lora2,
    });
    const { video, scale } = await write(pipe, options, images, progress, terminal.signal);
    progress.finish();
    const total = (performance.now() - start) / 1000;
    tell(options, terminal, video, scale, { ...progress.seconds, total });
  } finally {
    progress.finish();
  }
}

async function read(path: string | undefined): Promise<RgbImage | undefined> {
  return path === undefined ? undefined : readImage(path);
}

async function write(
  pipe: Pipeline,
  options: GenerateOptions,
  images: Pick<GenerateRequest, 'image' | 'lastImage'>,
  progress: Progress,
  signal: AbortSignal,
) {
  const { out, prompt, negative, frames, guidance, scale = pipe.defaults.upscale } = options;
  const request: GenerateRequest = {
    prompt,
    classLabel: options.class,
    negativePrompt: negative,
    ...images,
    width: options.width,
    height: options.height,
    numFrames: frames,
    fps: options.fps,
    steps: options.steps,
    guidanceScale: guidance,
    guidanceScale2: options.guidance2,
    scheduler: options.scheduler,
    cache: options.cache,
    tiling: options.tiling,
    ...modelOptions(options),
    seed: options.seed,
    signal,
    onProgress: ({ stage, done, total }) => progress.report(stages[stage], done, total),
  };
  const { width, height, numFrames, fps, seed } = pipe.check(request);
  const { count = 1 } = options;
  requireCount(count);
  const total = count * numFrames;
  requireStill(out, total);
  await using writer = await createVideoWriter(out, { width, height, fps, scale, signal });
  const videos: Video[] = [];
  for (let i = 0; i < count; i++) videos.push(await pipe.generate({ ...request, seed: seed + i }));
  const made = videos.flatMap((video) => video.frames);
  for (const [i, frame] of made.entries()) {
    progress.report('writing', i, total);
    await writer.addFrame(frame);
  }
  await writer.finish();
  return { video: { ...videos[0]!, frames: made }, scale };
}

function requireCount(count: number): void {
  if (count >= 1 && count <= mostAtOnce) return;
  const expected = `a whole number from 1 to ${mostAtOnce}`;
  throw new TubeletError('BAD_INPUT', 'generate', `count must be = ${expected}, got ${count}`);
}

function requireStill(out: string, numFrames: number): void {
  if (mediaFormat(out) !== 'jpg' || numFrames === 1) return;
  const message = `numFrames must be = 1 for a .jpg, got ${numFrames}`;
  throw new TubeletError('BAD_INPUT', 'generate', message);
}

function tell(
  { out, json, model, count }: GenerateOptions,
  { output, errors }: Terminal,
  { width, height, fps, seed, frames, warnings }: Video,
  scale: number,
  seconds: Readonly<Record<string, number>>,
): void {
  if (json) {
    const file = resolve(out);
    const size = { width, height, scale, frames: frames.length, fps };
    const result = { file, seed, ...size, seconds, warnings, model: resolve(model) };
    output.write(`${JSON.stringify(result, null, 2)}\n`);
    return;
  }
  for (const warning of warnings) errors.write(`tubelet: ${warning}\n`);
  const size = `${width * scale}x${height * scale}`;
  const several =
    frames.length === count ? `${count} images` : `${frames.length} frames at ${fps} a second`;
  const length = frames.length === 1 ? '1 frame' : several;
  const time = duration(seconds.total!);
  output.write(`${out} (${size}, ${length}, seed ${seed}) in ${time}\n`);
}
