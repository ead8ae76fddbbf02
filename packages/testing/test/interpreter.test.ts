import { opTable } from '@tubelet/graph';
import {
  checkDitCase,
  checkDitDiffusersCase,
  checkKlVaeCase,
  checkPixartCase,
  checkSd3Case,
  checkTextEncoderCase,
  checkVitCase,
  checkWanCase,
  checkWanVaeCase,
  goldensFolder,
  interpret,
  references,
} from '@tubelet/testing';
import { describe, expect, test } from 'vitest';

const goldens = goldensFolder();

// Whole models without the addon: the graphs, packings and tables of packages/models alone give the original's numbers.
describe.skipIf(!goldens)('models in double precision', () => {
  test.each([
    ['dit/forward', checkDitCase],
    ['dit/adaln', checkDitCase],
    ['dit/cross-attention', checkDitCase],
    ['dit/in-context', checkDitCase],
    ['dit/cfg', checkDitCase],
    ['dit/tables', checkDitCase],
    ['dit-diffusers/ada-norm-zero', checkDitDiffusersCase],
    ['text-encoders/clip', checkTextEncoderCase],
    ['text-encoders/clip-legacy-eos', checkTextEncoderCase],
    ['text-encoders/clip-projection', checkTextEncoderCase],
    ['text-encoders/t5-gated', checkTextEncoderCase],
    ['text-encoders/t5-relu', checkTextEncoderCase],
    ['text-encoders/umt5', checkTextEncoderCase],
    ['text-encoders/umt5-wide-heads', checkTextEncoderCase],
    ['kl-vae/tiny', checkKlVaeCase],
    ['kl-vae/tiny-16', checkKlVaeCase],
    ['kl-vae/sd15', checkKlVaeCase],
    ['kl-vae/four-levels-no-attention', checkKlVaeCase],
    ['kl-vae/sd3', checkKlVaeCase],
    ['vit/classification', checkVitCase],
    ['vit/interpolate', checkVitCase],
    ['vit/pooler', checkVitCase],
    ['vit/no-pooler', checkVitCase],
    ['pixart/alpha', checkPixartCase],
    ['pixart/sigma', checkPixartCase],
    ['sd3/medium-3.0', checkSd3Case],
    ['sd3/medium-3.5', checkSd3Case],
    ['wan/flf2v-2.1', checkWanCase],
    ['wan/i2v-2.1', checkWanCase],
    ['wan/t2v-2.1-dim32', checkWanCase],
    ['wan/t2v-2.1-dim40', checkWanCase],
    ['wan/t2v-2.1-dim64', checkWanCase],
    ['wan/ti2v-2.2-per-token', checkWanCase],
    ['wan-vae/cache', checkWanVaeCase],
    ['wan-vae/wan2.2', checkWanVaeCase],
  ])('%s', async (name, check) => {
    const { maxError, tolerance } = await check(`${goldens}/${name}`, interpret);
    expect(maxError).toBeLessThanOrEqual(tolerance);
  });
});

test('every op has its reference', () => {
  expect(Object.keys(references).sort()).toEqual(opTable.map(({ stem }) => stem).sort());
});
