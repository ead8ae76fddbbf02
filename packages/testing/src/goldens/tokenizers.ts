import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cleanPrompt, loadTokenizer } from 'tubelet';
import type { CaseResult } from './samplers.js';

/** One entry of strings.json. */
interface GoldenString {
  readonly text: string;
  readonly ids: readonly number[];
  readonly decoded: string;
  readonly cleaned: string;
  readonly cleaned_ids: readonly number[];
  readonly cleaned_without_ftfy?: string;
}

/** What a tokenizer case comes to: `maxError` is the number of strings that differ in anything. */
export interface TokenizerCaseResult extends CaseResult {
  /** The first difference, where there is one. */
  readonly reason?: string;
}

/**
 * Runs a case of goldens/tokenizers: the ids and the decoding of every string, its cleaning with and
 * without ftfy's repairs, and the ids of the cleaned string. All must be equal.
 */
export async function checkTokenizerCase(directory: string): Promise<TokenizerCaseResult> {
  const tokenizer = await loadTokenizer(directory);
  const strings: GoldenString[] = JSON.parse(
    await readFile(join(directory, 'strings.json'), 'utf8'),
  );
  // The length that the case was made with: nothing else cuts its longest strings.
  const maxLength = Math.max(...strings.flatMap((s) => [s.ids.length, s.cleaned_ids.length]));
  const encode = (text: string): readonly number[] => tokenizer.encode(text, { maxLength }).ids;
  const differences = strings.flatMap((golden) => {
    const { text, cleaned_without_ftfy: withoutFtfy } = golden;
    const pairs: [string, unknown, unknown][] = [
      ['ids', encode(text), golden.ids],
      ['decoded', tokenizer.decode(golden.ids), golden.decoded],
      ['cleaned', cleanPrompt(text), golden.cleaned],
      ['cleaned_ids', encode(cleanPrompt(text)), golden.cleaned_ids],
    ];
    if (withoutFtfy !== undefined) {
      pairs.push(['cleaned_without_ftfy', cleanPrompt(text, { fixText: false }), withoutFtfy]);
    }
    const [differing] = pairs
      .map(([what, got, expected]) => [what, JSON.stringify(got), JSON.stringify(expected)])
      .filter(([, got, expected]) => got !== expected);
    if (differing === undefined) return [];
    const [what, got, expected] = differing;
    return [`${what} of ${JSON.stringify(text)} must be = ${expected}, got ${got}`];
  });
  return { maxError: differences.length, tolerance: 0, reason: differences[0] };
}
