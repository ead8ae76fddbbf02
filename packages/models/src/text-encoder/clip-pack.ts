import { type Refuse, refusalBy } from '../bad-input.js';
import type { ClipTextConfig } from './clip-config.js';
import { packTexts, type TextPacking, type TextTokens } from './pack.js';

const fail: Refuse = refusalBy('clip');

/** Texts laid one after another: the inputs of {@link clipTextEncoder}. */
export interface ClipTextPacking extends TextPacking {
  readonly inputs: TextPacking['inputs'] & {
    /** [tokens], counted from each text's start */
    readonly position: Int32Array;
    /** [segments] */
    readonly endIndex: Int32Array;
  };
}

/** Refuses texts longer than the position table and texts without the end token. */
export function packClipTexts(
  config: ClipTextConfig,
  texts: readonly TextTokens[],
): ClipTextPacking {
  const packing = packTexts(config, texts);
  const long = texts.find(({ ids }) => ids.length > config.maxLength);
  if (long) fail('tokens of a text', `at most ${config.maxLength}`, long.ids.length);
  const ends = texts.map(({ ids }, i) => packing.offsets[i] + endOf(config, Array.from(ids)));
  return {
    ...packing,
    inputs: {
      ...packing.inputs,
      position: Int32Array.from(texts.flatMap(({ ids }) => [...Array(ids.length).keys()])),
      endIndex: Int32Array.from(ends),
    },
  };
}

/** The first end token, or where the config names none the first of the largest ids. */
function endOf({ endToken }: ClipTextConfig, ids: readonly number[]): number {
  const end = ids.indexOf(endToken ?? Math.max(...ids));
  return end >= 0 ? end : fail('end token of a text', endToken ?? 'there', 'none');
}
