import { packVit, parseVitConfig, vit, vitCheckpoint } from '@tubelet/models';
import {
  type Device,
  growingPlan,
  openWeights,
  type Precision,
  readValues,
} from '@tubelet/runtime';
import { type ImageSource, readImage } from '../media/index.js';
import { parsePreprocessing, preprocess } from '../media/preprocess.js';
import { type ModelFolder, requireCheckpoint } from '../pipelines/model-folder.js';
import { type ClassModel, requireLabels, requireRgb, runLogits } from './model.js';

/** ViTForImageClassification: images of any size that the preprocessing gives. */
export async function loadVitModel(
  device: Device,
  folder: ModelFolder,
  json: Readonly<Record<string, unknown>>,
  precision: Precision,
): Promise<ClassModel> {
  const config = parseVitConfig(json);
  const labels = requireLabels(config.labels, 'ViTForImageClassification');
  requireRgb(config.channels);
  const [height, width] = config.imageSize;
  const how = parsePreprocessing(
    (await folder.optionalJson('preprocessor_config.json')) ?? {},
    'vit',
    { height, width },
  );
  const weights = await openWeights(folder.directory);
  requireCheckpoint(vitCheckpoint(config), weights);
  const prefix = weights.tensors.has('vit.embeddings.position_embeddings') ? 'vit.' : '';
  const table = await readValues(weights, `${prefix}embeddings.position_embeddings`);
  const plan = growingPlan(device, vit(config), weights, { precision });
  const { hiddenSize } = config;
  return {
    takes: 'image',
    labels,
    weights,
    async logits(source, options) {
      const image = preprocess(await readImage(source as ImageSource), how);
      const { sizes, inputs } = packVit(config, [image], table);
      const { summarySegments: _, ...used } = inputs;
      const outputs = {
        hidden: sizes.tokens * hiddenSize,
        summary: hiddenSize,
        logits: labels.length,
      };
      const data = { ...used, pixels: image.pixels };
      return runLogits(device, plan, { inputs: data, sizes: { ...sizes }, outputs }, options);
    },
  };
}
