import { randomInt } from 'node:crypto';
import { modelDirectory } from '@tubelet/model-sprites';
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  type GenerationDefaults,
  generationDefaults,
  type Lora,
  type StepCacheOptions,
  schedulerNames,
} from 'tubelet';
import { type GenerateOptions, generate } from './generate.js';
import { modelFlags } from './model-flags.js';
import { parseNumber, parseWhole } from './numbers.js';
import type { Terminal } from './terminal.js';

/** What commander gives: values as parsed, absent where not typed. */
type Typed = Omit<GenerateOptions, 'prompt' | 'model' | 'seed' | 'out'> & {
  readonly size?: { readonly width: number; readonly height: number };
  readonly model?: string;
  readonly seed?: number;
  readonly out?: string;
};

export function addGenerateCommand(
  program: Command,
  of: {
    readonly terminal: Terminal;
    /** Of the model that is used without --model. */
    readonly defaults: GenerationDefaults;
    readonly version: string;
  },
): void {
  const { terminal, defaults, version } = of;
  const { width, height, numFrames, steps, guidanceScale, fps, upscale } = defaults;
  const command = program
    .command('generate')
    .description(
      'make a video of a prompt, a still with --frames 1, or an image with an image model',
    )
    .usage('[options] "<prompt>"')
    .argument('[prompt]', 'what the video shows, in English or Chinese; may be empty ("")')
    .optionsGroup('Result:')
    .option(
      '--out <file>',
      '.mp4, .gif, .webp or .png, many frames as a sheet (default: tubelet-SEED.mp4, .png of an image model)',
    )
    .option('--size <WxH>', `pixels, before --scale (default: ${width}x${height})`, parseSize)
    .addOption(side('width'))
    .addOption(side('height'))
    .option('--frames <n>', `4k + 1; 1 is a still (default: ${numFrames})`, parseWhole)
    .option('--fps <n>', `frames a second (default: ${fps})`, parseNumber)
    .option(
      '--count <n>',
      'several, of this seed and those that follow it (default: 1)',
      parseWhole,
    )
    .option('--scale <n>', `enlarge by whole pixels, unblended (default: ${upscale})`, parseWhole)
    .optionsGroup('Content:')
    .option('--class <label>', 'in place of a prompt: the number or name of a class, for a DiT')
    .option('--negative <text>', 'what it should not show (default: "")')
    .option('--image <file>', 'the first frame, cropped and scaled to the size')
    .option('--last-image <file>', 'the last frame, of Wan models that lead from one to another')
    .option('--seed <n>', 'the same seed gives the same file (default: a random one)', parseWhole)
    .optionsGroup('Denoising:')
    .option('--steps <n>', `more are slower and finer (default: ${steps})`, parseWhole)
    .option(
      '--guidance <n>',
      `how closely to follow the prompt; 1 is off (default: ${guidanceScale})`,
      parseNumber,
    )
    .option('--guidance2 <n>', "the same of a Wan model's second expert", parseNumber)
    .addOption(
      new Option('--scheduler <name>', "noise scheduler (default: the model's)").choices(
        schedulerNames,
      ),
    )
    .option(
      '--cache <policy>',
      'answer some steps from earlier ones, faster and not the same: first-block=0.1 (threshold) or taylor=2 (interval)',
      parseCache,
    )
    .option('--tiling', 'decode in tiles: less memory for large frames, other values at the seams')
    .optionsGroup('Denoising, of some models (docs/pipelines.md):');
  for (const flag of modelFlags()) command.addOption(flag);
  command
    .optionsGroup('Running:')
    .option('--model <folder>', 'a diffusers folder (default: sprites, which comes along)')
    .option('--transformer <file>', "weights in place of the model's: safetensors, GGUF or .pt")
    .option(
      '--lora <file[=scale]>',
      'merge a LoRA; may be given several times (default scale: 1)',
      addLora,
    )
    .option('--transformer2 <file>', "the same of a Wan model's second expert")
    .option('--lora2 <file[=scale]>', "merge a LoRA into a Wan model's second expert", addLora)
    .addOption(
      new Option(
        '--dtype <name>',
        'arithmetic of matrix products (default: bf16 where it is faster, else f32)',
      ).choices(['f32', 'bf16', 'int8']),
    )
    .option('--threads <n>', 'of the processor (default: all)', parseWhole)
    .option('--json', 'print one JSON object, and no progress')
    .option('--debug', 'print errors whole')
    .version(version, '--version', 'print the version')
    .helpOption('--help', 'print this help')
    .showHelpAfterError(
      'Usage: tubelet generate [options] "<prompt>" (tubelet generate --help lists the options)',
    )
    .addHelpText('after', examples)
    .action(
      async (
        prompt: string | undefined,
        { model = modelDirectory, size, seed = randomInt(2 ** 32), out, ...typed }: Typed,
        command: Command,
      ) => {
        if (prompt === undefined && typed.class === undefined)
          command.error("error: missing required argument 'prompt'");
        await generate(
          { ...typed, ...size, model, prompt, seed, out: out ?? (await defaultOut(model, seed)) },
          terminal,
        );
      },
    );
}

function side(name: 'width' | 'height'): Option {
  return new Option(`--${name} <n>`, 'the same, one side alone')
    .argParser(parseWhole)
    .conflicts('size');
}

async function defaultOut(model: string, seed: number): Promise<string> {
  const { numFrames } = await generationDefaults(model);
  return `tubelet-${seed}.${numFrames === 1 ? 'png' : 'mp4'}`;
}

const examples = `
Defaults are those of the model; another model has its own.

Examples:
  tubelet generate "a woman in a red T-shirt and blue jeans walks to the left on a beach at sunset"
  tubelet generate --class 207 --count 8 --model DiT-XL-2-256
  tubelet generate "一个女人穿着蓝色牛仔裤和白色T恤" --size 96x64 --seed 7 --out walk.gif`;

function parseSize(text: string) {
  const [, width, height] = /^(\d+)x(\d+)$/i.exec(text) ?? [];
  if (!width || !height) throw new InvalidArgumentError('It must be WIDTHxHEIGHT, such as 96x64.');
  return { width: Number(width), height: Number(height) };
}

function parseCache(text: string): StepCacheOptions {
  const [, kind, value] = /^(first-block|taylor)=(.+)$/.exec(text) ?? [];
  if (kind === 'first-block') return { kind, threshold: parseNumber(value!) };
  if (kind === 'taylor') return { kind, interval: parseWhole(value!) };
  throw new InvalidArgumentError('It must be first-block=THRESHOLD or taylor=INTERVAL.');
}

function addLora(text: string, before: readonly Lora[] = []): readonly Lora[] {
  const [, path, scale] = /^(.+)=([-+.\deE]+)$/.exec(text) ?? [];
  return [...before, path ? { path, scale: parseNumber(scale!) } : { path: text }];
}
