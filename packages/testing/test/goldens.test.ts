import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkCase, goldensFolder, listCases } from '@tubelet/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const goldens = goldensFolder();

// The goldens are not part of the repository: set TUBELET_GOLDENS where they are elsewhere.
describe.skipIf(!goldens)('goldens', async () => {
  it.for(goldens ? await listCases(goldens) : ['absent'])('%s', async (name, { skip }) => {
    const { verdict, reason, maxError, tolerance } = await checkCase(goldens as string, name);
    if (verdict === 'skip') skip(reason);
    expect(reason).toBe('');
    expect(maxError).toBeLessThanOrEqual(tolerance as number);
  });
});

describe('a folder of goldens', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'goldens-'));
    await mkdir(join(folder, 'samplers/broken'), { recursive: true });
    await mkdir(join(folder, 'samplers/refused'), { recursive: true });
    await mkdir(join(folder, 'unheard-of/case'), { recursive: true });
    await writeFile(join(folder, 'samplers/broken/config.json'), '{');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('lists its cases', async () => {
    const cases = ['samplers/broken', 'samplers/refused', 'unheard-of/case'];
    expect(await listCases(folder)).toEqual(cases);
  });

  it('skips a family that nothing checks, with the reason', async () => {
    expect(await checkCase(folder, 'unheard-of/case')).toEqual({
      case: 'unheard-of/case',
      verdict: 'skip',
      maxError: null,
      tolerance: null,
      reason: 'no check knows the family unheard-of',
    });
  });

  it('fails a case that cannot be read', async () => {
    expect(await checkCase(folder, 'samplers/broken')).toMatchObject({ verdict: 'fail' });
  });
});
