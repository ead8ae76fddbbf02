import { schedulerFromConfig } from '@tubelet/diffusion';
import { type Checkpoint, ditCheckpoint } from '@tubelet/models';
import {
  compareWeights,
  describeFaults,
  openWeights,
  type WeightFaults,
  type Weights,
} from '@tubelet/runtime';
import { classOfConfig, componentClasses } from '../pipelines/component-classes.js';
import { openOriginalDit } from '../pipelines/dit/original.js';
import { type ModelFolder, openModelFolder } from '../pipelines/model-folder.js';

type Config = Readonly<Record<string, unknown>>;

/** Bytes of some parameters. */
export interface MemoryInfo {
  /** As the files have them. */
  readonly stored: number;
  readonly f32: number;
  readonly bf16: number;
  readonly int8: number;
}

/** One part of a model, as its config and the headers of its files say. */
export interface ComponentInfo {
  /** Its folder in a pipeline, else the name of the folder or file. */
  readonly name: string;
  /** As diffusers and transformers have it; null where nothing says so. */
  readonly className: string | null;
  readonly config: Config | null;
  readonly parameters: number;
  /** Parameters by the data type they are stored in. */
  readonly stored: Readonly<Record<string, number>>;
  readonly memory: MemoryInfo;
  /** How its tensors differ from what the class asks for; null where that is not known. */
  readonly faults: WeightFaults | null;
  /** Why it does not run here, one sentence each. */
  readonly problems: readonly string[];
}

/** A folder with a config.json and weights. */
export async function modelComponent(
  directory: string,
  name: string,
  className?: string,
): Promise<ComponentInfo> {
  const problems: string[] = [];
  const folder = openModelFolder(directory);
  const config = await attempt(problems, () => folder.json('config.json'));
  const weights = await attempt(problems, () => openWeights(directory));
  const found = className ?? (config && classOfConfig(config)) ?? null;
  return describeWeights({ name, className: found, config: config ?? null }, weights, problems);
}

/** A file of weights, with the config that lies beside it. */
export async function fileComponent(path: string, name: string): Promise<ComponentInfo> {
  const problems: string[] = [];
  const weights = await attempt(problems, () => openWeights(path));
  const beside = openModelFolder(path.replace(/[^/\\]*$/, ''));
  const config = await beside.optionalJson('config.json');
  const className = (config && classOfConfig(config)) ?? null;
  if (!config) problems.push('config.json must be = beside the file to say what it is, got none');
  return describeWeights({ name, className, config: config ?? null }, weights, problems);
}

/** An original DiT's file beside `vae/`, whose sizes are those of its tensors. */
export async function originalDitComponent(
  folder: ModelFolder,
  name: string,
): Promise<ComponentInfo> {
  const problems: string[] = [];
  const found = await attempt(problems, () => openOriginalDit(folder, {}));
  const of = { name, className: 'DiT', config: found ? { ...found.config } : null };
  return describeWeights(of, found?.weights, problems, found && ditCheckpoint(found.config));
}

export async function schedulerComponent(
  folder: ModelFolder,
  name: string,
  className: string,
): Promise<ComponentInfo> {
  const problems: string[] = [];
  const config = await attempt(problems, () => folder.json(name, 'scheduler_config.json'));
  if (config) await attempt(problems, async () => schedulerFromConfig(config));
  return { ...withoutWeights(name, className, problems), config: config ?? null };
}

/** A part that has no weights. */
export function withoutWeights(
  name: string,
  className: string,
  problems: readonly string[] = [],
): ComponentInfo {
  const memory = { stored: 0, f32: 0, bf16: 0, int8: 0 };
  const nothing = { parameters: 0, stored: {}, memory, config: null, faults: null };
  return { name, className, ...nothing, problems };
}

function describeWeights(
  of: Pick<ComponentInfo, 'name' | 'className' | 'config'>,
  weights: Weights | undefined,
  problems: string[],
  known?: Checkpoint,
): ComponentInfo {
  const { className, config } = of;
  const tensors = [...(weights?.tensors.values() ?? [])];
  const stored: Record<string, number> = {};
  for (const { dtype, elements } of tensors) stored[dtype] = (stored[dtype] ?? 0) + elements;
  const parameters = tensors.reduce((sum, { elements }) => sum + elements, 0);
  const memory = {
    stored: tensors.reduce((sum, { bytes }) => sum + bytes, 0),
    f32: 4 * parameters,
    bf16: 2 * parameters,
    int8: parameters,
  };
  const checkpoint = known ?? (config && checkpointOf(className, config, problems));
  const faults =
    checkpoint && weights
      ? compareWeights(checkpoint.graphs, weights, { ignore: checkpoint.unused })
      : null;
  const differences = faults ? describeFaults(faults) : '';
  if (differences !== '')
    problems.push(`tensors must be = those of ${className}, got ${differences}`);
  return { ...of, parameters, stored, memory, faults, problems };
}

function checkpointOf(
  className: string | null,
  config: Config,
  problems: string[],
): Checkpoint | undefined {
  if (className === null || !Object.hasOwn(componentClasses, className)) {
    problems.push(`class must be = one that runs here, got ${className ?? 'none'}`);
    return undefined;
  }
  try {
    return componentClasses[className]!(config);
  } catch (error) {
    problems.push((error as Error).message);
    return undefined;
  }
}

/** The answer, or undefined and one more problem. */
async function attempt<Result>(
  problems: string[],
  work: () => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await work();
  } catch (error) {
    problems.push((error as Error).message);
    return undefined;
  }
}
