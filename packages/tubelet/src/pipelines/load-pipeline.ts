import { stat } from 'node:fs/promises';
import { type DeviceOptions, openDevice } from '@tubelet/runtime';
import { TubeletError } from '../errors.js';
import { componentClass, openModelFolder } from './model-folder.js';
import { loadWanPipeline, type Pipeline, type PipelineOptions } from './wan/pipeline.js';

/** How a pipeline is loaded: on which device, and how precisely. */
export interface LoadOptions extends DeviceOptions, PipelineOptions {}

const pipelineClasses = ['WanPipeline', 'WanImageToVideoPipeline'];
const componentClasses: Readonly<Record<string, readonly string[]>> = {
  transformer: ['WanTransformer3DModel'],
  vae: ['AutoencoderKLWan'],
  text_encoder: ['UMT5EncoderModel', 'T5EncoderModel'],
};

/**
 * Loads a diffusers folder of the Wan form: `model_index.json`, `transformer/`, `vae/`, `text_encoder/`, `tokenizer/`,
 * `scheduler/`, and optionally `generation.json` with the defaults of a call. Weights are mapped, and packed once.
 *
 * @param directory the folder
 * @throws TubeletError IO, BAD_CONFIG, BAD_WEIGHT (tensors that are missing, misshapen or unused, by name), UNSUPPORTED
 * @example
 * await using pipe = await loadPipeline(modelDirectory);
 * const video = await pipe.generate({ prompt: 'a woman in a red T-shirt walks to the left on a beach' });
 * await video.save('beach.mp4', { scale: 4 });
 */
export async function loadPipeline(
  directory: string,
  { maxSequenceLength, dtype, ...options }: LoadOptions = {},
): Promise<Pipeline> {
  await requireFolder(directory);
  const folder = openModelFolder(directory);
  const index = await folder.json('model_index.json');
  const name = index._class_name;
  if (typeof name !== 'string' || !pipelineClasses.includes(name))
    throw unsupported('_class_name of model_index.json', pipelineClasses, name);
  for (const [component, classes] of Object.entries(componentClasses)) {
    const got = componentClass(index, component);
    if (got === undefined || !classes.includes(got))
      throw unsupported(`${component} of model_index.json`, classes, got);
  }
  const device = openDevice(options);
  try {
    return await loadWanPipeline(device, folder, { maxSequenceLength, dtype });
  } catch (error) {
    device.dispose();
    throw error;
  }
}

async function requireFolder(directory: string): Promise<void> {
  const got =
    typeof directory === 'string'
      ? await stat(directory).catch((error: Error) => error)
      : undefined;
  if (got && !(got instanceof Error) && got.isDirectory()) return;
  const actual =
    got instanceof Error ? got.message : got ? `a file, ${directory}` : typeof directory;
  throw new TubeletError('IO', 'model', `directory must be = a diffusers folder, got ${actual}`);
}

function unsupported(what: string, expected: readonly string[], got: unknown): TubeletError {
  return new TubeletError(
    'UNSUPPORTED',
    'model',
    `${what} must be = ${expected.join(' or ')}, got ${got}`,
  );
}
