import { TubeletError } from '../errors.js';
import type { ModelFolder } from './model-folder.js';

/** What a call has where it says nothing: the model's generation.json, else the defaults of diffusers' pipeline. */
export interface GenerationDefaults {
  readonly width: number;
  readonly height: number;
  /** 1 of models that make images. */
  readonly numFrames: number;
  /** Frames a second. */
  readonly fps: number;
  readonly steps: number;
  readonly guidanceScale: number;
  /** Tokens that texts are padded to; the tokenizer's own limit, at most 512, where absent. */
  readonly maxSequenceLength?: number;
  /** Whole factor by which a viewer should enlarge the frames. */
  readonly upscale: number;
}

const wholeNumbers = [
  'height',
  'width',
  'num_frames',
  'num_inference_steps',
  'max_sequence_length',
  'upscale',
];
const numbers = [...wholeNumbers, 'fps', 'guidance_scale'];

/**
 * @param presets of the pipeline's class
 * @throws TubeletError BAD_CONFIG naming the option
 */
export async function readGenerationDefaults(
  folder: ModelFolder,
  presets: Omit<GenerationDefaults, 'upscale'>,
): Promise<GenerationDefaults> {
  const json = (await folder.optionalJson('generation.json')) ?? {};
  for (const [name, value] of Object.entries(json)) {
    const expected = wholeNumbers.includes(name) ? 'a whole number above 0' : 'a number from 0';
    const isNumber = typeof value === 'number' && Number.isFinite(value) && value >= 0;
    const isGood =
      isNumber && (!wholeNumbers.includes(name) || (Number.isInteger(value) && value > 0));
    if (!numbers.includes(name)) throw bad('options', numbers.join(', '), name);
    if (!isGood) throw bad(name, expected, JSON.stringify(value));
  }
  const number = (name: string, preset: number) => (json[name] as number | undefined) ?? preset;
  return {
    width: number('width', presets.width),
    height: number('height', presets.height),
    numFrames: number('num_frames', presets.numFrames),
    fps: number('fps', presets.fps) || presets.fps,
    steps: number('num_inference_steps', presets.steps),
    guidanceScale: number('guidance_scale', presets.guidanceScale),
    maxSequenceLength:
      (json.max_sequence_length as number | undefined) ?? presets.maxSequenceLength,
    upscale: number('upscale', 1),
  };
}

function bad(what: string, expected: string, got: string): TubeletError {
  return new TubeletError(
    'BAD_CONFIG',
    'generation.json',
    `${what} must be = ${expected}, got ${got}`,
  );
}
