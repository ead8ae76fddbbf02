import { parseWanConfig } from '@tubelet/models';
import { TubeletError } from '../../errors.js';
import { componentClass, type ModelFolder } from '../model-folder.js';

type Index = Readonly<Record<string, unknown>>;

/** What a Wan folder's model_index.json makes of its transformers. */
export interface WanForm {
  /** How an image is given: as the first latent frame, held; as further channels of the latents; not at all. */
  readonly image: 'held' | 'beside' | null;
  /** From which share of the training's timesteps up the first of two experts is called; null: there is one. */
  readonly boundaryRatio: number | null;
}

/** @throws TubeletError BAD_CONFIG naming the option */
export function wanForm(index: Index): WanForm {
  const { _class_name: className, expand_timesteps: expands, boundary_ratio: ratio } = index;
  const isGood = typeof ratio === 'number' && ratio >= 0 && ratio <= 1;
  if (ratio !== undefined && ratio !== null && !isGood)
    throw bad('boundary_ratio', 'null or a number from 0 to 1', JSON.stringify(ratio));
  const isOfImages = className === 'WanImageToVideoPipeline';
  return {
    image: expands === true ? 'held' : isOfImages ? 'beside' : null,
    boundaryRatio: isGood ? ratio : null,
  };
}

/**
 * Components that only some forms need.
 *
 * @throws TubeletError BAD_CONFIG naming the component
 */
export async function requireWanComponents(folder: ModelFolder, index: Index): Promise<void> {
  const { image, boundaryRatio } = wanForm(index);
  const has = (name: string) => componentClass(index, name) !== undefined;
  if (boundaryRatio !== null && !has('transformer_2'))
    throw bad('transformer_2', 'there where boundary_ratio is', 'none');
  if (image !== 'beside') return;
  const { imageDim } = parseWanConfig(await folder.json('transformer', 'config.json'));
  if (imageDim === null) return;
  for (const name of ['image_encoder', 'image_processor'])
    if (!has(name)) throw bad(name, 'there where the transformer has an image_dim', 'none');
}

function bad(what: string, expected: string, got: string): TubeletError {
  const message = `${what} must be = ${expected}, got ${got}`;
  return new TubeletError('BAD_CONFIG', 'model_index.json', message);
}
