import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { checkSamplerCase, goldensFolder } from '@tubelet/testing';
import { describe, expect, it } from 'vitest';

const folder = join(goldensFolder() ?? '', 'samplers');
const cases =
  goldensFolder() && existsSync(folder)
    ? readdirSync(folder).filter((name) => /^(begin-)?(flow-euler|unipc)/.test(name))
    : [];

describe.skipIf(cases.length === 0)('goldens/samplers (skipped where the folder is absent)', () => {
  it.each(cases)('%s', async (name) => {
    const { maxError, tolerance } = await checkSamplerCase(join(folder, name));
    expect(maxError).toBeLessThanOrEqual(tolerance);
  });
});
