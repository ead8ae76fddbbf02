import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fluxOriginalNames, parseFluxConfig } from '@tubelet/models';
import { type LoadOptions, loadPipeline } from 'tubelet';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporaryFolder, writePipeline } from './tiny-folder.js';
import { flux } from './tiny-pipelines.js';
import { inOriginalNames, safetensors, type Tensors, tensorsOf } from './weight-files.js';

// A FLUX model in the names of its authors, who fuse layers and have shift before scale.

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let theirs: Tensors;
beforeAll(async () => {
  folder = await temporaryFolder();
  await writePipeline(folder.path, flux);
  const ours = await tensorsOf(join(folder.path, 'transformer'));
  const names = fluxOriginalNames(parseFluxConfig(flux.models.transformer![1]));
  theirs = inOriginalNames(ours, names);
});
afterAll(() => folder.remove());

async function latentsOf(options: LoadOptions): Promise<Float32Array> {
  await using pipe = await loadPipeline(folder.path, { threads: 1, ...options });
  const { latents } = await pipe.generate({
    prompt: 'a dog',
    width: 64,
    height: 32,
    steps: 2,
    seed: 5,
  });
  return latents;
}

async function put(name: string, tensors: Tensors): Promise<string> {
  const path = join(folder.path, name);
  await writeFile(path, safetensors(tensors));
  return path;
}

it('gives the same bytes from one file', async () => {
  const transformer = await put('flux.safetensors', theirs);
  expect(await latentsOf({ transformer })).toEqual(await latentsOf({}));
});

it('takes LoRAs of fused layers, in the names of kohya', async () => {
  const rank = 2;
  const wave = (length: number, step: number) =>
    Float32Array.from({ length }, (_, i) => 0.3 * Math.sin(1 + i * step));
  const layers = [
    'double_blocks.0.img_attn.qkv',
    'single_blocks.0.linear1',
    'final_layer.adaLN_modulation.1',
  ];
  const lora: Record<string, Tensors[string]> = {};
  const merged: Record<string, Tensors[string]> = { ...theirs };
  for (const layer of layers) {
    const { shape, data } = theirs[`${layer}.weight`]!;
    const [rows, width] = shape as [number, number];
    const [up, down] = [wave(rows * rank, 0.9), wave(rank * width, 0.4)];
    const name = `lora_unet_${layer.replaceAll('.', '_')}`;
    lora[`${name}.lora_up.weight`] = { shape: [rows, rank], data: up };
    lora[`${name}.lora_down.weight`] = { shape: [rank, width], data: down };
    const values = data.map((value, i) => {
      const [row, column] = [Math.floor(i / width), i % width];
      return value + up[row * rank]! * down[column]! + up[row * rank + 1]! * down[width + column]!;
    });
    merged[`${layer}.weight`] = { shape, data: values };
  }
  const expected = await latentsOf({ transformer: await put('merged.safetensors', merged) });
  const plain = await latentsOf({});
  const path = await put('lora.safetensors', lora);
  const files = [{}, { transformer: await put('flux.safetensors', theirs) }];
  const mean = (a: Float32Array, b: Float32Array) =>
    a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
  expect(mean(expected, plain)).toBeGreaterThan(1e-3);
  for (const options of files) {
    const latents = await latentsOf({ ...options, loras: [{ path }] });
    expect(mean(latents, expected)).toBeLessThan(1e-5);
  }
});
