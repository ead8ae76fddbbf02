import { groupNorm, type Tensor } from '@tubelet/graph';
import type { Weights } from '../weights.js';
import type { UnetConfig } from './config.js';
import type { Grid } from './grid.js';

/** What every part of a U-Net is given beside the pictures. */
export interface UnetRun {
  readonly config: UnetConfig;
  /** [clips, timeWidth], the time embedding after SiLU. */
  readonly time: Tensor;
  /** [textTokens, crossWidth] */
  readonly text: Tensor;
  /** The places of pictures [N, H, W, C]. */
  grid(x: Tensor): Grid;
}

/** Group norm, SiLU where asked for: [F, H, W, C] -> same */
export function normGroups(
  w: Weights,
  x: Tensor,
  config: UnetConfig,
  options: { readonly epsilon: number; readonly activation?: 'silu' },
): Tensor {
  const c = Number(x.shape[3]);
  const [weight, bias] = [w.get('weight', [c]), w.get('bias', [c])];
  return groupNorm(x, { groups: config.normGroups, weight, bias, ...options });
}
