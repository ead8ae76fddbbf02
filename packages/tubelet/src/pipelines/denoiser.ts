import type { Scheduler } from '@tubelet/diffusion';
import type { Checkpoint, OriginalNames } from '@tubelet/models';
import type { Weights } from '@tubelet/runtime';
import type { ModelFolder } from './model-folder.js';
import type { SchedulerConfig } from './scheduler.js';
import { openTransformerWeights, type TransformerOptions } from './transformer-weights.js';

/** How the transformer of a family is read, and which schedulers it can be sampled with. */
export interface DenoiserFamily<Config> {
  /** Its folder. @defaultValue `'transformer'` */
  readonly part?: string;
  parseConfig(json: Readonly<Record<string, unknown>>): Config;
  checkpoint(config: Config): Checkpoint;
  originalNames?(config: Config): OriginalNames;
  /** Of the checkpoint's own where the second is undefined. */
  chooseScheduler(config: SchedulerConfig, given: undefined): Scheduler;
}

/** What denoises: the transformer, not yet on the device, and the config of its scheduler. */
export interface Denoiser<Config> {
  readonly config: Config;
  readonly weights: Weights;
  /** The names of the model's authors, where its LoRAs may have them. */
  readonly originals?: OriginalNames | undefined;
  readonly schedulerConfig: SchedulerConfig;
}

/**
 * Opens the folders of the transformer, or the U-Net, and of the scheduler; a scheduler the family has not is refused before weights are read.
 *
 * @throws TubeletError IO, BAD_INPUT, BAD_CONFIG, BAD_WEIGHT, UNSUPPORTED
 */
export async function openDenoiser<Config>(
  folder: ModelFolder,
  files: TransformerOptions,
  family: DenoiserFamily<Config>,
): Promise<Denoiser<Config>> {
  const { part = 'transformer' } = family;
  const [schedulerConfig, json] = await Promise.all([
    folder.json('scheduler', 'scheduler_config.json'),
    folder.json(part, 'config.json'),
  ]);
  const config = family.parseConfig(json);
  family.chooseScheduler(schedulerConfig, undefined);
  const checkpoint = family.checkpoint(config);
  const originals = family.originalNames?.(config);
  const weights = await openTransformerWeights(folder, files, checkpoint, originals, part);
  return { config, weights, originals, schedulerConfig };
}
