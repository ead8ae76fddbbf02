import { describe, expect, it } from 'vitest';
import { parityPage } from '../src/goldens/parity-page.js';
import { markdownTable, replaceSection } from '../src/markdown-table.js';

describe('parityPage', () => {
  const page = parityPage([
    { case: 'dit/a', verdict: 'pass', maxError: 1.234e-6, tolerance: 1e-5, reason: '' },
    { case: 'flux/a', verdict: 'fail', maxError: 2, tolerance: 1, reason: 'x | y must be = 1' },
    { case: 'flux/b', verdict: 'skip', maxError: null, tolerance: null, reason: 'not there' },
  ]);

  it('counts, and has a table for each family', () => {
    expect(page).toContain('1 cases pass, 1 fail, 1 are skipped.');
    expect(page).toContain('## dit\n\n| case | verdict | largest error | tolerance |\n');
    expect(page).toContain('| a | pass | 1.2e-6 | 1.0e-5 |');
  });

  it('says why a case is not passed, in a column that only such families have', () => {
    expect(page).toContain('| a | fail | 2.0e+0 | 1.0e+0 | x \\| y must be = 1 |');
    expect(page).toContain('| b | skip |  |  | not there |');
    expect(page.match(/\| why \|/g)).toHaveLength(1);
  });
});

describe('markdownTable', () => {
  it('aligns columns of numbers to the right', () => {
    const rows = [
      ['a', '1,200', '5%'],
      ['b', '3', ''],
    ];
    expect(markdownTable(['what', 'count', 'share'], rows)).toBe(
      '| what | count | share |\n| --- | ---: | ---: |\n| a | 1,200 | 5% |\n| b | 3 |  |',
    );
  });
});

describe('replaceSection', () => {
  const page = 'before\n<!-- t: begin -->\nold\n<!-- t: end -->\nafter\n';

  it('changes what stands between its marks only, and again to the same', () => {
    const changed = replaceSection(page, 't', 'new');
    expect(changed).toBe('before\n<!-- t: begin -->\nnew\n<!-- t: end -->\nafter\n');
    expect(replaceSection(changed, 't', 'new')).toBe(changed);
  });

  it('refuses a page without the marks', () => {
    expect(() => replaceSection(page, 'u', 'new')).toThrow(/page must have = <!-- u: begin -->/);
  });
});
