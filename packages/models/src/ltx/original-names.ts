import { type OriginalNames, storedRows } from '../original-names.js';
import type { LtxConfig } from './config.js';
import { ltxTransformer } from './model.js';

/** Ours to those of Lightricks/LTX-Video (ltx_video/models/transformers/transformer3d.py). */
const renames: readonly (readonly [RegExp, string])[] = [
  [/^proj_in\./, 'patchify_proj.'],
  [/^time_embed\./, 'adaln_single.'],
  [/\.norm_([qk])\./, '.$1_norm.'],
];

export function ltxOriginalNames(config: LtxConfig): OriginalNames {
  return new Map(
    [...storedRows(ltxTransformer(config))].map(([name, rows]) => {
      const original = renames.reduce((text, [from, to]) => text.replace(from, to), name);
      return [original, [{ name, rows }]];
    }),
  );
}
