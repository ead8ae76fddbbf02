import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  ltxOriginalNames,
  type OriginalNames,
  parseLtxConfig,
  parsePixartConfig,
  parseSd3Config,
  pixartOriginalNames,
  sd3OriginalNames,
} from '@tubelet/models';
import { type LoadOptions, loadPipeline } from 'tubelet';
import { afterAll, expect, it } from 'vitest';
import { tensor, torchFile } from '../../../runtime/test/torch-file.js';
import { type TinyPipeline, temporaryFolder, writePipeline } from './tiny-folder.js';
import { ltx, pixart, sd3 } from './tiny-pipelines.js';
import { inOriginalNames, safetensors, type Tensors, tensorsOf } from './weight-files.js';

const folder = await temporaryFolder();
afterAll(folder.remove);

/** A file as torch.save writes PixArt's. */
function stateDict(tensors: Tensors): Uint8Array {
  const entries = Object.entries(tensors).map(([name, { shape, data }], i) => {
    return [name, tensor({ key: String(i), shape, data: new Uint8Array(data.buffer) })];
  });
  return torchFile({ state_dict: Object.fromEntries(entries), epoch: 3 });
}

const zeros = (...shape: number[]) => {
  return { shape, data: new Float32Array(shape.reduce((a, b) => a * b)) };
};
const before = (prefix: string, tensors: Tensors) =>
  Object.fromEntries(Object.entries(tensors).map(([name, values]) => [prefix + name, values]));

const cases: Readonly<
  Record<string, readonly [TinyPipeline, OriginalNames, string, (tensors: Tensors) => Uint8Array]>
> = {
  'Stable Diffusion 3 with its other parts': [
    sd3,
    sd3OriginalNames(parseSd3Config(sd3.models.transformer![1])),
    'sd3.safetensors',
    (tensors) => {
      const vae = { 'first_stage_model.decoder.conv_in.weight': zeros(1) };
      return safetensors({ ...before('model.diffusion_model.', tensors), ...vae });
    },
  ],
  'PixArt in a .pth': [
    pixart,
    pixartOriginalNames(parsePixartConfig(pixart.models.transformer![1])),
    'PixArt.pth',
    (tensors) =>
      stateDict({
        ...tensors,
        'y_embedder.y_embedding': zeros(4, 24),
        pos_embed: zeros(1, 4, 24),
      }),
  ],
  'LTX-Video, most of whose names are ours': [
    ltx,
    ltxOriginalNames(parseLtxConfig(ltx.models.transformer![1])),
    'ltx.safetensors',
    safetensors,
  ],
};

it.for(Object.entries(cases))('%s gives the same bytes from one file', async ([, given]) => {
  const [tiny, names, file, content] = given;
  const directory = join(folder.path, `${file}.d`);
  await writePipeline(directory, tiny);
  const ours = await tensorsOf(join(directory, 'transformer'));
  const transformer = join(folder.path, file);
  await writeFile(transformer, content(inOriginalNames(ours, names)));
  const latentsOf = async (options: LoadOptions) => {
    await using pipe = await loadPipeline(directory, { threads: 1, ...options });
    const request = { prompt: 'a cat', width: 64, height: 64, steps: 2, seed: 5 };
    return (await pipe.generate({ ...request, ...(tiny === ltx && { numFrames: 9 }) })).latents;
  };
  expect(await latentsOf({ transformer })).toEqual(await latentsOf({}));
});
