import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { TubeletError } from '../errors.js';
import { isOriginalDit, originalDitIndex } from '../pipelines/dit/original.js';
import type { GenerationDefaults } from '../pipelines/generation-defaults.js';
import { type PipelineClass, pipelineClasses } from '../pipelines/load-pipeline.js';
import { componentClass, type ModelFolder, openModelFolder } from '../pipelines/model-folder.js';
import { requireTokenizerFiles } from '../text/index.js';
import {
  type ComponentInfo,
  fileComponent,
  type MemoryInfo,
  modelComponent,
  originalDitComponent,
  schedulerComponent,
  withoutWeights,
} from './component-info.js';

/** What a folder or file of weights is, and whether it runs here. */
export interface ModelInfo {
  readonly path: string;
  /** A diffusers folder, the folder of one model, or one file. */
  readonly kind: 'pipeline' | 'model' | 'weights';
  readonly className: string | null;
  readonly components: readonly ComponentInfo[];
  readonly parameters: number;
  /** Of the weights alone; a run needs its intermediates besides. */
  readonly memory: MemoryInfo;
  /** Of a call, where the pipeline runs here. */
  readonly defaults: GenerationDefaults | null;
  /** Whether all of it can be run here: of a pipeline, by `loadPipeline`. */
  readonly runs: boolean;
  /** Why not, one sentence each, in a pipeline with the component in front. */
  readonly problems: readonly string[];
}

/**
 * Says what a folder or file of weights is by configs and the headers of its files, without loading it.
 *
 * @param path a diffusers folder, the folder of one model (config.json and weights), or a file of weights
 * @throws TubeletError IO, BAD_CONFIG
 */
export async function modelInfo(path: string): Promise<ModelInfo> {
  const full = resolve(path);
  const status = await stat(full).catch((cause: Error) => {
    throw new TubeletError('IO', 'info', `${path} must be = readable, got ${cause.message}`, {
      cause,
    });
  });
  if (!status.isDirectory()) {
    const component = await fileComponent(full, basename(full));
    return summary(full, 'weights', component.className, [component]);
  }
  const folder = openModelFolder(full);
  const index = await folder.optionalJson('model_index.json');
  if (index) return pipelineInfo(folder, index);
  if (await isOriginalDit(folder)) return pipelineInfo(folder, originalDitIndex);
  const component = await modelComponent(full, basename(full));
  return summary(full, 'model', component.className, [component]);
}

async function pipelineInfo(
  folder: ModelFolder,
  index: Readonly<Record<string, unknown>>,
): Promise<ModelInfo> {
  const className = typeof index._class_name === 'string' ? index._class_name : null;
  const found =
    className !== null && Object.hasOwn(pipelineClasses, className)
      ? pipelineClasses[className]!
      : undefined;
  const names = Object.keys(index).filter((name) => componentClass(index, name) !== undefined);
  const components = await Promise.all(
    names.map((name) => component(folder, name, componentClass(index, name)!)),
  );
  const problems: string[] = [];
  if (!found) problems.push(`class must be = one that runs here, got ${className ?? 'none'}`);
  for (const [name, classes] of Object.entries(found?.components ?? {})) {
    const got = componentClass(index, name) ?? null;
    const expected = classes.map((one) => one ?? 'absent').join(' or ');
    if (!classes.includes(got)) problems.push(`${name} must be = ${expected}, got ${got}`);
  }
  if (found) problems.push(...(await unlisted(folder, index, found)));
  await found?.require?.(folder, index).catch((error: Error) => problems.push(error.message));
  let defaults: GenerationDefaults | null = null;
  try {
    defaults = (await found?.defaults(folder)) ?? null;
  } catch (error) {
    problems.push((error as Error).message);
  }
  // What a pipeline does not use may be whatever it is.
  const needs = (name: string) =>
    !found || name in found.components || /^(scheduler$|tokenizer)/.test(name);
  const shown = components.map((each) => (needs(each.name) ? each : { ...each, problems: [] }));
  return { ...summary(folder.directory, 'pipeline', className, shown, problems), defaults };
}

/** What is missing of the parts that a pipeline needs and model_index.json does not list. */
async function unlisted(
  folder: ModelFolder,
  index: Readonly<Record<string, unknown>>,
  { components }: PipelineClass,
): Promise<string[]> {
  const encoders = Object.keys(components).filter((name) => name.startsWith('text_encoder'));
  const tokenizers = encoders
    .filter((name) => componentClass(index, name) !== undefined)
    .map((name) => name.replace('text_encoder', 'tokenizer'));
  const isOriginal = index === originalDitIndex;
  const checks = [
    ...tokenizers.map((name) => [name, () => requireTokenizerFiles(folder.path(name))] as const),
    ...(isOriginal
      ? []
      : [['scheduler', () => folder.json('scheduler', 'scheduler_config.json')] as const]),
  ].filter(([name]) => componentClass(index, name) === undefined);
  const found = await Promise.all(
    checks.map(([name, check]) =>
      check().then(
        () => [],
        (error: Error) => [`${name}: ${error.message}`],
      ),
    ),
  );
  return found.flat();
}

async function component(
  folder: ModelFolder,
  name: string,
  className: string,
): Promise<ComponentInfo> {
  if (/Scheduler$/.test(className)) return schedulerComponent(folder, name, className);
  const files = /Tokenizer(Fast)?$/.test(className)
    ? requireTokenizerFiles(folder.path(name))
    : /(Processor|Extractor)(Fast|Pil)?$/.test(className)
      ? folder.json(name, 'preprocessor_config.json')
      : undefined;
  if (files) {
    const problems = await files.then(
      () => [],
      (error: Error) => [error.message],
    );
    return withoutWeights(name, className, problems);
  }
  if (className === 'DiT') return originalDitComponent(folder, name);
  return modelComponent(folder.path(name), name, className);
}

function summary(
  path: string,
  kind: ModelInfo['kind'],
  className: string | null,
  components: readonly ComponentInfo[],
  first: readonly string[] = [],
): ModelInfo {
  const sum = (of: (component: ComponentInfo) => number) =>
    components.reduce((total, component) => total + of(component), 0);
  const problems = [
    ...first,
    ...components.flatMap(({ name, problems }) =>
      problems.map((each) => (kind === 'pipeline' ? `${name}: ${each}` : each)),
    ),
  ];
  return {
    path,
    kind,
    className,
    components,
    parameters: sum(({ parameters }) => parameters),
    memory: {
      stored: sum(({ memory }) => memory.stored),
      f32: sum(({ memory }) => memory.f32),
      bf16: sum(({ memory }) => memory.bf16),
      int8: sum(({ memory }) => memory.int8),
    },
    defaults: null,
    runs: problems.length === 0,
    problems,
  };
}
