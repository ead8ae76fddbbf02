import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { taef2, tinyVaeDecoder, tinyVaeEncoder } from '@tubelet/models';
import { loadAddon } from '@tubelet/native';
import {
  type FixtureTensor,
  goldensFolder,
  onAddon,
  readSafetensorsFixture,
} from '@tubelet/testing';
import { describe, expect, test } from 'vitest';

const folder = join(goldensFolder() ?? '', '../assets/taef2');
const read = (name: string) => readSafetensorsFixture(join(folder, `${name}.safetensors`));

function hasAddon(): boolean {
  try {
    loadAddon();
    return true;
  } catch {
    return false;
  }
}

/** [1, C, H, W] as [1, H, W, C]. */
function channelsLast({ shape, values }: FixtureTensor): Float64Array {
  const channels = shape[1];
  const places = values.length / channels;
  return values.map((_, i) => values[(i % channels) * places + Math.floor(i / channels)]);
}

function worst(got: ArrayLike<number>, expected: Float64Array): number {
  expect(got.length).toBe(expected.length);
  return expected.reduce((most, value, i) => Math.max(most, Math.abs(value - got[i])), 0);
}

// The trained weights of FLUX.2's tiny autoencoder: half precision in the file, a photograph through the original code in
// float32. Skipped where ../shared/assets or the addon is absent: too large for the interpreter.
describe.skipIf(!existsSync(folder) || !hasAddon())('the tiny autoencoder of FLUX.2', () => {
  test('encodes and decodes a photograph as the original', async () => {
    const roundtrip = await read('roundtrip');
    const [image, latents, decoded] = ['image', 'latents', 'decoded'].map((name) =>
      channelsLast(roundtrip.get(name)!),
    );
    const encoder = tinyVaeEncoder(taef2, { height: 256, width: 256 });
    const encoded = await onAddon(encoder, await read('taef2_encoder'), { pictures: image }, {});
    expect(worst(encoded.get('latents')!, latents)).toBeLessThan(1e-4);
    const decoder = tinyVaeDecoder(taef2, { height: 32, width: 32 });
    const pictures = await onAddon(decoder, await read('taef2_decoder'), { latents }, {});
    expect(worst(pictures.get('pictures')!, decoded)).toBeLessThan(1e-5);
  });
});
