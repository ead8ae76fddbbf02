export { type DitConfig, type DitPreset, ditPreset, parseDitConfig } from './dit/config.js';
export { dit } from './dit/model.js';
export { compareDitWeights } from './dit/weights.js';
export { relativeBuckets } from './text-encoder/buckets.js';
export { parseTextEncoderConfig, type TextEncoderConfig } from './text-encoder/config.js';
export { type TextEncoderOptions, textEncoder } from './text-encoder/model.js';
export { packTexts, type TextPacking, type TextTokens } from './text-encoder/pack.js';
export { compareTextEncoderWeights } from './text-encoder/weights.js';
export { type Chunk, cacheEntries } from './vae/cache.js';
export { parseWanVaeConfig, vaeFactors, type WanVaeConfig } from './vae/config.js';
export { type DecoderSize, wanVaeDecoder } from './vae/decoder.js';
export { type EncoderSize, framesPerChunk, wanVaeEncoder } from './vae/encoder.js';
export {
  blendTiles,
  defaultTileSize,
  needsTiles,
  openTiles,
  planTiledDecode,
  planTiledEncode,
  type Tile,
  type TilePlan,
  type TileResult,
  type TileSize,
} from './vae/tiles.js';
export { compareWanVaeWeights } from './vae/weights.js';
export { parseWanConfig, type WanConfig } from './wan/config.js';
export { wanTransformer } from './wan/model.js';
export {
  packWan,
  timestepRows,
  type WanClip,
  type WanOffsets,
  type WanPacking,
} from './wan/pack.js';
export { type LatentSize, type RotaryTables, rotaryTables, tokenGrid } from './wan/rotary.js';
export { compareWanWeights } from './wan/weights.js';
export {
  compareWeights,
  requireWeights,
  type StoredTensor,
  type WeightDifferences,
} from './weights.js';
