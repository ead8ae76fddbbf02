import {
  type Checkpoint,
  clipTextCheckpoint,
  clipVisionCheckpoint,
  cogvideoxCheckpoint,
  cogvideoxVaeCheckpoint,
  ditCheckpoint,
  fluxCheckpoint,
  hunyuanCheckpoint,
  hunyuanVaeCheckpoint,
  klVaeCheckpoint,
  latteCheckpoint,
  llamaCheckpoint,
  llavaCheckpoint,
  ltxCheckpoint,
  ltxVaeCheckpoint,
  mochiCheckpoint,
  mochiVaeCheckpoint,
  motionAdapterCheckpoint,
  parseClipTextConfig,
  parseClipVisionConfig,
  parseCogvideoxConfig,
  parseCogvideoxVaeConfig,
  parseDitDiffusersConfig,
  parseFluxConfig,
  parseHunyuanConfig,
  parseHunyuanVaeConfig,
  parseKlVaeConfig,
  parseLatteConfig,
  parseLlamaConfig,
  parseLlavaConfig,
  parseLtxConfig,
  parseLtxVaeConfig,
  parseMochiConfig,
  parseMochiVaeConfig,
  parsePixartConfig,
  parseSd3Config,
  parseTextEncoderConfig,
  parseTinyVaeConfig,
  parseUnetConfig,
  parseVitConfig,
  parseVivitConfig,
  parseWanConfig,
  parseWanVaeConfig,
  pixartCheckpoint,
  sd3Checkpoint,
  textEncoderCheckpoint,
  tinyVaeCheckpoint,
  unetCheckpoint,
  vitCheckpoint,
  vivitCheckpoint,
  wanCheckpoint,
  wanVaeCheckpoint,
} from '@tubelet/models';

/** What a model's folder must hold, from its config.json. @throws TubeletError BAD_CONFIG naming the option */
type ReadCheckpoint = (config: Readonly<Record<string, unknown>>) => Checkpoint;

const clip: ReadCheckpoint = (json) => clipTextCheckpoint(parseClipTextConfig(json));
const clipVision: ReadCheckpoint = (json) => clipVisionCheckpoint(parseClipVisionConfig(json));
const latte: ReadCheckpoint = (json) => latteCheckpoint(parseLatteConfig(json));
const t5: ReadCheckpoint = (json) => textEncoderCheckpoint(parseTextEncoderConfig(json));
const unet: ReadCheckpoint = (json) => unetCheckpoint(parseUnetConfig(json));
const vit: ReadCheckpoint = (json) => vitCheckpoint(parseVitConfig(json));
const vivit: ReadCheckpoint = (json) => vivitCheckpoint(parseVivitConfig(json));
const dit: ReadCheckpoint = (json) => ditCheckpoint(parseDitDiffusersConfig(json));
const pixart: ReadCheckpoint = (json) => pixartCheckpoint(parsePixartConfig(json));

/** Models that run here, by the names that diffusers and transformers have for them. */
export const componentClasses: Readonly<Record<string, ReadCheckpoint>> = {
  AutoencoderKL: (json) => klVaeCheckpoint(parseKlVaeConfig(json)),
  AutoencoderKLCogVideoX: (json) => cogvideoxVaeCheckpoint(parseCogvideoxVaeConfig(json)),
  AutoencoderKLHunyuanVideo: (json) => hunyuanVaeCheckpoint(parseHunyuanVaeConfig(json)),
  AutoencoderKLLTXVideo: (json) => ltxVaeCheckpoint(parseLtxVaeConfig(json)),
  AutoencoderKLMochi: (json) => mochiVaeCheckpoint(parseMochiVaeConfig(json)),
  AutoencoderKLWan: (json) => wanVaeCheckpoint(parseWanVaeConfig(json)),
  AutoencoderTiny: (json) => tinyVaeCheckpoint(parseTinyVaeConfig(json)),
  CLIPTextModel: clip,
  CLIPTextModelWithProjection: clip,
  CLIPVisionModel: clipVision,
  CLIPVisionModelWithProjection: clipVision,
  CogVideoXTransformer3DModel: (json) => cogvideoxCheckpoint(parseCogvideoxConfig(json)),
  DiTTransformer2DModel: dit,
  FluxTransformer2DModel: (json) => fluxCheckpoint(parseFluxConfig(json)),
  HunyuanVideoTransformer3DModel: (json) => hunyuanCheckpoint(parseHunyuanConfig(json)),
  LatteT2V: latte,
  LatteTransformer3DModel: latte,
  LlavaForConditionalGeneration: (json) => llavaCheckpoint(parseLlavaConfig(json)),
  LlamaModel: (json) => llamaCheckpoint(parseLlamaConfig(json)),
  LTXVideoTransformer3DModel: (json) => ltxCheckpoint(parseLtxConfig(json)),
  MochiTransformer3DModel: (json) => mochiCheckpoint(parseMochiConfig(json)),
  MotionAdapter: motionAdapterCheckpoint,
  PixArtTransformer2DModel: pixart,
  SD3Transformer2DModel: (json) => sd3Checkpoint(parseSd3Config(json)),
  T5EncoderModel: t5,
  // The class that DiT and PixArt-alpha were published as.
  Transformer2DModel: (json) => (json.norm_type === 'ada_norm_single' ? pixart : dit)(json),
  UMT5EncoderModel: t5,
  UNet2DConditionModel: unet,
  UNet3DConditionModel: unet,
  UNetMotionModel: unet,
  ViTForImageClassification: vit,
  ViTModel: vit,
  VivitForVideoClassification: vivit,
  VivitModel: vivit,
  WanTransformer3DModel: (json) => wanCheckpoint(parseWanConfig(json)),
};

/** The class a config.json says it is of. */
export function classOfConfig(config: Readonly<Record<string, unknown>>): string | undefined {
  const { _class_name: diffusers, architectures } = config;
  const name = diffusers ?? (Array.isArray(architectures) ? architectures[0] : undefined);
  return typeof name === 'string' ? name : undefined;
}
