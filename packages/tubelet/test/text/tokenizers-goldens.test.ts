import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { checkTokenizerCase, goldensFolder } from '@tubelet/testing';
import { describe, expect, it } from 'vitest';

const folder = join(goldensFolder() ?? '', 'tokenizers');
const cases = goldensFolder() && existsSync(folder) ? readdirSync(folder) : [];

describe.skipIf(cases.length === 0)(
  'goldens/tokenizers (skipped where the folder is absent)',
  () => {
    it.each(cases)('%s', async (name) => {
      expect(await checkTokenizerCase(join(folder, name))).toEqual({
        maxError: 0,
        tolerance: 0,
        reason: undefined,
      });
    });
  },
);
