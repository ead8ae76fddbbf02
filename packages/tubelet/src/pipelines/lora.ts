import type { OriginalNames, OriginalPart } from '@tubelet/models';
import {
  type LowRankUpdate,
  listNames,
  mergedWeights,
  openWeights,
  readValues,
  type StoredTensor,
  type Weights,
} from '@tubelet/runtime';
import { TubeletError } from '../errors.js';

/** A LoRA: merged when a model is loaded, or of one request. */
export interface Lora {
  /** A safetensors file with the names of diffusers, of the model's authors, or of kohya's scripts. */
  readonly path: string;
  /** @defaultValue 1 */
  readonly scale?: number;
}

/** The tensors of one layer's update. */
interface Update {
  down?: StoredTensor;
  up?: StoredTensor;
  alpha?: StoredTensor;
  magnitude?: StoredTensor;
}

/** The kinds of tensors by the ends of their names. */
const endings: readonly (readonly [RegExp, keyof Update])[] = [
  [/\.lora(_A|_down|\.down)(\.\w+)?\.weight$/, 'down'],
  [/\.lora(_B|_up|\.up)(\.\w+)?\.weight$/, 'up'],
  [/\.alpha$/, 'alpha'],
  [/\.(lora_magnitude_vector(\.weight)?|dora_scale)$/, 'magnitude'],
];

/** What stands before the layer's name. */
const beginnings =
  /^(base_model\.model\.|transformer\.|model\.diffusion_model\.|diffusion_model\.|unet\.|lora_unet_|lora_transformer_)*/;

/** What LoRAs add to each tensor, by its name. */
export type LoraUpdates = ReadonlyMap<string, readonly LowRankUpdate[]>;

/** @throws TubeletError BAD_INPUT naming what is wrong */
export function checkLoras(loras: readonly Lora[]): void {
  if (!Array.isArray(loras)) throw bad('BAD_INPUT', 'loras', 'a list', typeof loras);
  for (const lora of loras as readonly Partial<Lora>[]) {
    const { path, scale = 1, ...others } = lora ?? {};
    if (typeof path !== 'string') throw bad('BAD_INPUT', 'path', 'a file', typeof path);
    if (!Number.isFinite(scale)) throw bad('BAD_INPUT', 'scale', 'a number', scale);
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) throw bad('BAD_INPUT', 'options', 'path, scale', unknown);
  }
}

/** Merges LoRAs into a transformer's weights: W + scale · alpha / rank · up · down. See {@link readLoras}. */
export async function mergeLoras(
  weights: Weights,
  loras: readonly Lora[],
  originals?: OriginalNames,
): Promise<Weights> {
  return mergedWeights(weights, await readLoras(weights, loras, originals));
}

/**
 * Finds the layers that LoRAs change. kohya writes names with _ for every dot, so names are compared that way.
 *
 * @param originals the names of the model's authors, beside ours
 * @throws TubeletError BAD_INPUT, IO, and BAD_WEIGHT that lists what maps to no layer or does not fit it, the first ten of each
 */
export async function readLoras(
  weights: Weights,
  loras: readonly Lora[],
  originals: OriginalNames = new Map(),
): Promise<LoraUpdates> {
  checkLoras(loras);
  const layers = layersOf(weights, originals);
  const updates = new Map<string, LowRankUpdate[]>();
  for (const { path, scale = 1 } of loras) {
    const file = await openWeights(path);
    for (const [name, list] of await updatesOf(file, scale, layers, weights))
      updates.set(name, [...(updates.get(name) ?? []), ...list]);
  }
  return updates;
}

/** What each layer's weight is here, by its name with _ for dots. */
function layersOf(weights: Weights, originals: OriginalNames) {
  const layers = new Map<string, readonly OriginalPart[]>();
  const add = (name: string, parts: readonly OriginalPart[]) => {
    const layer = /^(.*)\.weight$/.exec(name)?.[1];
    if (layer !== undefined) layers.set(layer.replaceAll('.', '_'), parts);
  };
  for (const [name, parts] of originals) add(name, parts);
  for (const { name, shape } of weights.tensors.values())
    add(name, [{ name, rows: shape[0] ?? 1 }]);
  return layers;
}

async function updatesOf(
  file: Weights,
  scale: number,
  layers: ReadonlyMap<string, readonly OriginalPart[]>,
  weights: Weights,
): Promise<ReadonlyMap<string, LowRankUpdate[]>> {
  const { byLayer, unknown } = sorted(file, layers);
  const misshapen: string[] = [];
  const updates = new Map<string, LowRankUpdate[]>();
  const alphaOf = metadataAlpha(file);
  for (const [layer, { down, up, alpha, magnitude }] of byLayer) {
    const parts = layers.get(layer)!;
    if (!down || !up) {
      misshapen.push(`${layer} without its ${down ? 'up' : 'down'} matrix`);
      continue;
    }
    const rows = parts.reduce((sum, part) => sum + part.rows, 0);
    // Parts that the model has no use for need not be there.
    const { name: known } = parts.find(({ name }) => weights.tensors.has(name)) ?? parts[0]!;
    const { elements, shape } = weights.tensors.get(known)!;
    const rank = down.shape[0] ?? 0;
    const width = elements / (shape[0] ?? 1);
    if (
      rank === 0 ||
      up.elements !== rows * rank ||
      up.shape[0] !== rows ||
      down.elements !== rank * width
    ) {
      const got = `[${up.shape.join(', ')}] and [${down.shape.join(', ')}]`;
      misshapen.push(`${layer} ${got} instead of [${rows}, rank] and [rank, ${width}]`);
      continue;
    }
    if (magnitude && magnitude.elements !== rows) {
      misshapen.push(`${magnitude.name} [${magnitude.shape.join(', ')}] instead of [${rows}]`);
      continue;
    }
    const given = alpha ? (await readValues(file, alpha.name))[0] : alphaOf(rank);
    let from = 0;
    for (const { name, rows, at = 0 } of parts) {
      const strength = (scale * (given ?? rank)) / rank;
      const update = { up, down, scale: strength, from, at, rows, ...(magnitude && { magnitude }) };
      updates.set(name, [...(updates.get(name) ?? []), update]);
      from += rows;
    }
  }
  const faults = [
    [unknown, 'that map to no layer'],
    [misshapen, 'misshapen'],
  ] as const;
  const found = faults
    .filter(([names]) => names.length > 0)
    .map(([names, what]) => `${names.length} ${what}: ${listNames(names)}`);
  if (found.length > 0)
    throw bad('BAD_WEIGHT', `names of ${file.name}`, `layers of ${weights.name}`, found.join('; '));
  return updates;
}

/** The file's tensors by the layer they are for; names of no layer apart. */
function sorted(file: Weights, layers: ReadonlyMap<string, unknown>) {
  const byLayer = new Map<string, Update>();
  const unknown: string[] = [];
  for (const tensor of file.tensors.values()) {
    const [ending, kind] = endings.find(([pattern]) => pattern.test(tensor.name)) ?? [];
    const base = ending && tensor.name.replace(ending, '').replace(beginnings, '');
    const layer = base?.replaceAll('.', '_');
    if (layer === undefined || kind === undefined || !layers.has(layer)) unknown.push(tensor.name);
    else byLayer.set(layer, { ...byLayer.get(layer), [kind]: tensor });
  }
  return { byLayer, unknown };
}

/** peft writes alpha as metadata; a file that has it per layer is refused. */
function metadataAlpha(file: Weights): (rank: number) => number | undefined {
  const text = file.metadata.get('lora_adapter_metadata');
  if (text === undefined) return () => undefined;
  let config: Readonly<Record<string, unknown>>;
  try {
    config = JSON.parse(text);
  } catch {
    throw bad('BAD_WEIGHT', `lora_adapter_metadata of ${file.name}`, 'JSON', 'another text');
  }
  const value = (name: string) => config[`transformer.${name}`] ?? config[name];
  for (const name of ['alpha_pattern', 'rank_pattern']) {
    const found = value(name);
    const isAbsent = !found || (typeof found === 'object' && Object.keys(found).length === 0);
    if (!isAbsent)
      throw bad('UNSUPPORTED', `${name} of ${file.name}`, 'absent', JSON.stringify(found));
  }
  const alpha = value('lora_alpha');
  const isRankStabilised = value('use_rslora') === true;
  if (typeof alpha !== 'number') return () => undefined;
  return (rank) => (isRankStabilised ? alpha * Math.sqrt(rank) : alpha);
}

function bad(code: string, what: string, expected: string, got: unknown): TubeletError {
  return new TubeletError(code, 'lora', `${what} must be = ${expected}, got ${got}`);
}
