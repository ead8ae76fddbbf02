import { modelDirectory } from '@tubelet/model-sprites';
import { afterAll, describe, expect, it } from 'vitest';
import { changedModel, temporaryFolder, tubelet } from './tubelet.js';

const files = temporaryFolder();
afterAll(files.remove);

describe('tubelet info', () => {
  it('describes the model that ships', async () => {
    const { code, output } = await tubelet('info', modelDirectory);
    expect(code).toBe(0);
    expect(output).toMatch(/^WanPipeline, a pipeline \(/);
    expect(output).toMatch(/transformer +WanTransformer3DModel +9\.13 M parameters +18\.3 MB F16/);
    expect(output).toMatch(/total +15\.8 M parameters +31\.6 MB\n/);
    expect(output).toContain('weights in memory: f32 63.1 MB, bf16 31.6 MB, int8 15.8 MB\n');
    expect(output).toContain('makes 17 frames of 64x64 in 20 steps, guidance 5\nruns here\n');
  });

  it('prints one JSON object with --json', async () => {
    const { output } = await tubelet('info', modelDirectory, '--json');
    expect(JSON.parse(output)).toMatchObject({
      kind: 'pipeline',
      runs: true,
      path: modelDirectory,
    });
  });

  it('says why a model does not run', async () => {
    const model = await changedModel(files.path('bad'), { 'tokenizer/tokenizer.json': null });
    const { code, output } = await tubelet('info', model);
    expect(code).toBe(0);
    expect(output).toMatch(/does not run here:\n {2}tokenizer: .*must hold = tokenizer\.json/);
  });

  it('refuses a path that is not there', async () => {
    const { code, errors } = await tubelet('info', files.path('nowhere'));
    expect(code).toBe(1);
    expect(errors).toMatch(/must be = readable/);
  });
});
