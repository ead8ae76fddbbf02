import type { Checkpoint, OriginalNames } from '@tubelet/models';
import { openWeights, renamedWeights, type Weights, weightsUnder } from '@tubelet/runtime';
import { type Lora, mergeLoras } from './lora.js';
import { type ModelFolder, requireCheckpoint } from './model-folder.js';

/** Where a transformer's weights come from. */
export interface TransformerOptions {
  /**
   * A file of the transformer's weights, or the U-Net's, in place of the folder's: safetensors, GGUF or `.pt`, in diffusers' names
   * or, for FLUX, LTX-Video, PixArt, Stable Diffusion 3 and Wan, in those of the model's authors.
   */
  readonly transformer?: string;
  /** Merged when the model is loaded. */
  readonly loras?: readonly Lora[];
  /** Wan 2.2 of two experts: the same of the second one, of the low noise. */
  readonly transformer2?: string;
  readonly loras2?: readonly Lora[];
}

/** What single-file checkpoints put before every name of the transformer. */
const prefixes = ['', 'model.diffusion_model.', 'diffusion_model.', 'state_dict.'];

/**
 * @param part the folder's folder
 * @throws TubeletError IO, BAD_INPUT, BAD_WEIGHT
 */
export async function openTransformerWeights(
  folder: ModelFolder,
  { transformer, loras = [] }: Pick<TransformerOptions, 'transformer' | 'loras'>,
  checkpoint: Checkpoint,
  originals: OriginalNames = new Map(),
  part = 'transformer',
): Promise<Weights> {
  const opened = await openWeights(transformer ?? folder.path(part));
  const weights = transformer === undefined ? opened : inOurNames(opened, originals);
  requireCheckpoint(checkpoint, weights);
  return loras.length === 0 ? weights : mergeLoras(weights, loras, originals);
}

/** By the names that most of the file's are, behind the prefix where they are most. */
function inOurNames(opened: Weights, originals: OriginalNames): Weights {
  const known = new Set([...originals.values()].flat().map(({ name }) => name));
  const forms = [known, originals].flatMap((names) =>
    prefixes.map((prefix) => {
      const weights = prefix === '' ? opened : weightsUnder(opened, prefix);
      const count = [...weights.tensors.keys()].filter((name) => names.has(name)).length;
      return { names, weights, count };
    }),
  );
  const best = forms.reduce((a, b) => (b.count > a.count ? b : a));
  if (best.count <= best.names.size / 2) return opened;
  return best.names === known ? best.weights : renamedWeights(best.weights, originals);
}
