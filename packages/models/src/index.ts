export {
  type ClipVisionConfig,
  clipImageTokens,
  parseClipVisionConfig,
} from './clip-vision/config.js';
export { type ClipVisionOptions, clipVisionEncoder } from './clip-vision/model.js';
export { type ClipImagePacking, packClipImages } from './clip-vision/pack.js';
export { clipVisionCheckpoint } from './clip-vision/weights.js';
export {
  type CogvideoxConfig,
  type CogvideoxPositions,
  parseCogvideoxConfig,
} from './cogvideox/config.js';
export { cogvideoxTransformer } from './cogvideox/model.js';
export { type CogvideoxClip, type CogvideoxPacking, packCogvideox } from './cogvideox/pack.js';
export { cogvideoxCheckpoint } from './cogvideox/weights.js';
export {
  type CogvideoxVaeConfig,
  cogvideoxVaeFactors,
  parseCogvideoxVaeConfig,
} from './cogvideox-vae/config.js';
export {
  type CogvideoxVaeSize,
  cogvideoxVaeChunks,
  cogvideoxVaeDecoder,
  cogvideoxVaeEncoder,
} from './cogvideox-vae/model.js';
export {
  needsCogvideoxTiles,
  planCogvideoxDecode,
  planCogvideoxEncode,
} from './cogvideox-vae/tiles.js';
export { cogvideoxVaeCheckpoint } from './cogvideox-vae/weights.js';
export {
  type DitConditioning,
  type DitConfig,
  type DitPreset,
  ditPreset,
  parseDitConfig,
} from './dit/config.js';
export { parseDitDiffusersConfig } from './dit/diffusers-config.js';
export { inferDitConfig } from './dit/infer-config.js';
export { dit } from './dit/model.js';
export { type DitPacking, packDit } from './dit/pack.js';
export { ditCheckpoint } from './dit/weights.js';
export { type FluxConfig, parseFluxConfig } from './flux/config.js';
export { fluxTransformer } from './flux/model.js';
export { fluxOriginalNames } from './flux/original-names.js';
export { type FluxImage, type FluxPacking, packFlux } from './flux/pack.js';
export { fluxCheckpoint } from './flux/weights.js';
export { type HunyuanConfig, parseHunyuanConfig } from './hunyuan/config.js';
export { hunyuanTransformer } from './hunyuan/model.js';
export { type HunyuanClip, type HunyuanPacking, packHunyuan } from './hunyuan/pack.js';
export { hunyuanCheckpoint } from './hunyuan/weights.js';
export { type HunyuanVaeConfig, parseHunyuanVaeConfig } from './hunyuan-vae/config.js';
export {
  type HunyuanVaeSize,
  hunyuanVaeDecoder,
  hunyuanVaeEncoder,
} from './hunyuan-vae/model.js';
export {
  blendSpan,
  type HunyuanTilePlan,
  type HunyuanTileSize,
  hunyuanTileSize,
  planHunyuanDecode,
  planHunyuanEncode,
  type SpanPlan,
} from './hunyuan-vae/tiles.js';
export { hunyuanVaeCheckpoint } from './hunyuan-vae/weights.js';
export { type KlVaeConfig, klVaeFactor, parseKlVaeConfig } from './kl-vae/config.js';
export { type KlVaeSize, klVaeDecoder, klVaeEncoder } from './kl-vae/model.js';
export { planKlVaeDecode, planKlVaeEncode } from './kl-vae/tiles.js';
export { klVaeCheckpoint } from './kl-vae/weights.js';
export { absoluteChange, combinedLatents, heldLatents, noiseLatents } from './latents.js';
export { type LatteConfig, parseLatteConfig } from './latte/config.js';
export { latte } from './latte/model.js';
export { type LatteClip, type LattePacking, packLatte } from './latte/pack.js';
export { latteCheckpoint } from './latte/weights.js';
export { type LlavaConfig, llavaImageTokens, parseLlavaConfig } from './llava/config.js';
export { llavaEncoder, llavaImages } from './llava/model.js';
export {
  type LlavaTextPacking,
  packLlavaImages,
  packLlavaTexts,
} from './llava/pack.js';
export { llavaCheckpoint } from './llava/weights.js';
export { type LtxConfig, parseLtxConfig } from './ltx/config.js';
export { ltxTransformer } from './ltx/model.js';
export { ltxOriginalNames } from './ltx/original-names.js';
export { type LtxClip, type LtxPacking, packLtx } from './ltx/pack.js';
export { ltxCheckpoint } from './ltx/weights.js';
export { type LtxVaeConfig, parseLtxVaeConfig } from './ltx-vae/config.js';
export { type LtxVaeSize, ltxVaeDecoder, ltxVaeEncoder } from './ltx-vae/model.js';
export { needsLtxTiles, planLtxDecode, planLtxEncode } from './ltx-vae/tiles.js';
export {
  blendTimeParts,
  type LtxTimePart,
  type LtxTimePlan,
  planLtxTime,
} from './ltx-vae/time-parts.js';
export { ltxVaeCheckpoint } from './ltx-vae/weights.js';
export { type MochiConfig, parseMochiConfig } from './mochi/config.js';
export { mochiTransformer } from './mochi/model.js';
export { type MochiClip, type MochiPacking, packMochi } from './mochi/pack.js';
export { mochiCheckpoint } from './mochi/weights.js';
export {
  type MochiVaeConfig,
  mochiVaeFactors,
  parseMochiVaeConfig,
} from './mochi-vae/config.js';
export {
  type MochiDecoderSize,
  type MochiEncoderSize,
  mochiFeatures,
  mochiVaeDecoder,
  mochiVaeEncoder,
} from './mochi-vae/model.js';
export { planMochiDecode, planMochiEncode } from './mochi-vae/tiles.js';
export { mochiVaeCheckpoint } from './mochi-vae/weights.js';
export type { OriginalNames, OriginalPart } from './original-names.js';
export type { ClipSize, ImageSize } from './packing.js';
export { type PixartConfig, parsePixartConfig } from './pixart/config.js';
export { pixart } from './pixart/model.js';
export { pixartOriginalNames } from './pixart/original-names.js';
export { type PixartImage, type PixartPacking, packPixart } from './pixart/pack.js';
export { pixartCheckpoint } from './pixart/weights.js';
export { type SinCosOptions, sinCosPositions } from './positions.js';
export { parseSd3Config, type Sd3Config } from './sd3/config.js';
export { sd3Transformer } from './sd3/model.js';
export { sd3OriginalNames } from './sd3/original-names.js';
export { packSd3, type Sd3Image, type Sd3Packing } from './sd3/pack.js';
export { sd3Checkpoint } from './sd3/weights.js';
export { relativeBuckets } from './text-encoder/buckets.js';
export { type ClipTextConfig, parseClipTextConfig } from './text-encoder/clip-config.js';
export { type ClipTextOptions, clipTextEncoder } from './text-encoder/clip-model.js';
export { type ClipTextPacking, packClipTexts } from './text-encoder/clip-pack.js';
export { parseTextEncoderConfig, type TextEncoderConfig } from './text-encoder/config.js';
export { type LlamaConfig, parseLlamaConfig } from './text-encoder/llama-config.js';
export { type LlamaOptions, llamaEncoder } from './text-encoder/llama-model.js';
export { type LlamaTextPacking, packLlamaTexts } from './text-encoder/llama-pack.js';
export { type TextEncoderOptions, textEncoder } from './text-encoder/model.js';
export { packTexts, type TextPacking, type TextTokens } from './text-encoder/pack.js';
export {
  clipTextCheckpoint,
  llamaCheckpoint,
  textEncoderCheckpoint,
} from './text-encoder/weights.js';
export { type ClipTimesteps, timestepRows } from './timestep-rows.js';
export { parseTinyVaeConfig, type TinyVaeConfig, taef2 } from './tiny-vae/config.js';
export { type TinyVaeSize, tinyVaeDecoder, tinyVaeEncoder } from './tiny-vae/model.js';
export { tinyVaeCheckpoint } from './tiny-vae/weights.js';
export {
  parseUnetConfig,
  type UnetAttention,
  type UnetClasses,
  type UnetConfig,
  type UnetLayer,
  type UnetLevel,
} from './unet/config.js';
export type { UnetSize } from './unet/grid.js';
export { type UnetOptions, unet } from './unet/model.js';
export { withMotion } from './unet/video-config.js';
export { motionAdapterCheckpoint, unetCheckpoint } from './unet/weights.js';
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
export { wanVaeCheckpoint } from './vae/weights.js';
export { parseVitConfig, type VitConfig } from './vit/config.js';
export { type VitOptions, vit } from './vit/model.js';
export { packVit, type VitPacking } from './vit/pack.js';
export { type PatchGrid, trainedGrid, vitPositions } from './vit/positions.js';
export { vitCheckpoint } from './vit/weights.js';
export {
  parseVivitConfig,
  type VivitAttention,
  type VivitConfig,
  type VivitEncoder,
} from './vivit/config.js';
export { sampledFrames } from './vivit/frames.js';
export {
  inflateKernel,
  type KernelInflation,
  resizePositions,
  resizeTimePositions,
  tilePositions,
} from './vivit/initialisers.js';
export { type VivitOptions, vivit } from './vivit/model.js';
export {
  packVivit,
  type TubeletGrid,
  tubeletGrid,
  type VivitPacking,
  type VivitTables,
} from './vivit/pack.js';
export { parseScenicVivitConfig } from './vivit/scenic-config.js';
export { hasScenicNames, scenicVivitWeights, type TensorValues } from './vivit/scenic-weights.js';
export { vivitCheckpoint } from './vivit/weights.js';
export { parseWanConfig, type WanConfig } from './wan/config.js';
export { wanTransformer } from './wan/model.js';
export { wanOriginalNames } from './wan/original-names.js';
export { packWan, type WanClip, type WanPacking } from './wan/pack.js';
export { type RotaryTables, rotaryTables } from './wan/rotary.js';
export { wanCheckpoint } from './wan/weights.js';
export type { Checkpoint } from './weights.js';
