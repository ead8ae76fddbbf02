import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseSchedulerConfig } from '@tubelet/diffusion';
import type { Checkpoint } from '@tubelet/models';
import { openWeights, requireWeights, type Weights } from '@tubelet/runtime';
import { TubeletError } from '../errors.js';

/** The files of a diffusers folder. */
export interface ModelFolder {
  readonly directory: string;
  path(...names: string[]): string;
  /** A JSON object. @throws TubeletError IO, BAD_CONFIG */
  json(...names: string[]): Promise<Readonly<Record<string, unknown>>>;
  /** The same, or undefined where there is no such file. */
  optionalJson(...names: string[]): Promise<Readonly<Record<string, unknown>> | undefined>;
}

export function openModelFolder(directory: string): ModelFolder {
  const path = (...names: string[]) => join(directory, ...names);
  const optionalJson: ModelFolder['optionalJson'] = async (...names) => {
    const file = path(...names);
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      const reason = (cause as Error).message;
      throw new TubeletError('IO', 'model', `${file} must be = readable, got ${reason}`, { cause });
    }
    try {
      // Python's JSON has Infinity and NaN, wherever it comes from.
      return parseSchedulerConfig(text);
    } catch (cause) {
      throw new TubeletError(
        'BAD_CONFIG',
        'model',
        `${file} must be = a JSON object, got something else`,
        { cause },
      );
    }
  };
  return {
    directory,
    path,
    optionalJson,
    async json(...names) {
      const found = await optionalJson(...names);
      if (found) return found;
      throw new TubeletError('IO', 'model', `${path(...names)} must be = there, got no such file`);
    },
  };
}

/** A component's class in model_index.json: `["diffusers", "WanTransformer3DModel"]`. */
export function componentClass(
  index: Readonly<Record<string, unknown>>,
  component: string,
): string | undefined {
  const entry = index[component];
  const name = Array.isArray(entry) ? entry[1] : undefined;
  return typeof name === 'string' ? name : undefined;
}

/**
 * The config and the weights of a component's folder.
 *
 * @throws TubeletError IO, BAD_CONFIG, BAD_WEIGHT, UNSUPPORTED
 */
export async function openComponent<Config>(
  folder: ModelFolder,
  component: string,
  parseConfig: (json: Readonly<Record<string, unknown>>) => Config,
  checkpoint: (config: Config) => Checkpoint,
): Promise<{ readonly config: Config; readonly weights: Weights }> {
  const [config, weights] = await Promise.all([
    folder.json(component, 'config.json').then(parseConfig),
    openWeights(folder.path(component)),
  ]);
  requireCheckpoint(checkpoint(config), weights);
  return { config, weights };
}

/** @throws TubeletError BAD_WEIGHT that lists, by name, what is missing, misshapen or unused */
export function requireCheckpoint({ graphs, unused }: Checkpoint, weights: Weights): void {
  requireWeights(graphs, weights, { ignore: unused });
}
