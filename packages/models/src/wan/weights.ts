import type { Checkpoint } from '../weights.js';
import type { WanConfig } from './config.js';
import { wanTransformer } from './model.js';

/** Some published files hold norms of the image query, which no code uses. */
export function wanCheckpoint(config: WanConfig): Checkpoint {
  return { graphs: [wanTransformer(config)], unused: [/\.norm_added_q\.weight$/] };
}
