import { checkScale } from './classifier-free.js';
import { type Guidance, unguided } from './guidance.js';

/**
 * Guidance that was distilled into the model: one prediction, and the scale goes into the model as it is given here, in
 * whatever unit the model wants (FLUX 3.5, HunyuanVideo 6.0 · 1000).
 *
 * Source: Meng et al. 2023, "On Distillation of Guided Diffusion Models".
 */
export function distilled({ scale }: { readonly scale: number }): Guidance {
  checkScale('distilled', 'scale', scale);
  return (index, schedule) => ({ ...unguided(index, schedule), embeddedScale: scale });
}
