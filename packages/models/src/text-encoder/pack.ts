import { TubeletError } from '@tubelet/graph';

/** One text as token ids, padded behind. */
export interface TextTokens {
  readonly ids: ArrayLike<number>;
  /** How many of them are text; the others are computed but not attended. All by default. */
  readonly length?: number;
}

/** Texts laid one after another: the inputs of {@link textEncoder}. */
export interface TextPacking {
  readonly sizes: {
    readonly tokens: number;
    readonly segments: number;
  };
  /** First token of each text. */
  readonly offsets: readonly number[];
  readonly inputs: {
    /** [tokens] */
    readonly ids: Int32Array;
    /** [segments, 4] */
    readonly segments: Int32Array;
  };
}

/**
 * Packs texts into one run of {@link textEncoder}.
 *
 * @throws BAD_INPUT for a text without tokens, or a token the vocabulary has not
 */
export function packTexts(
  config: { readonly vocabSize: number },
  texts: readonly TextTokens[],
): TextPacking {
  const fail = (what: string, expected: string, got: string | number): never => {
    throw new TubeletError(
      'BAD_INPUT',
      'text-encoder',
      `${what} must be = ${expected}, got ${got}`,
    );
  };
  if (texts.length === 0) fail('texts', 'at least one', 'none');
  let tokens = 0;
  const offsets = texts.map(({ ids, length = ids.length }) => {
    const good = Number.isInteger(length) && length >= 1 && length <= ids.length;
    if (!good) fail('length of a text', `1 to its ${ids.length} tokens`, length);
    tokens += ids.length;
    return tokens - ids.length;
  });
  const ids = new Int32Array(tokens);
  texts.forEach((text, i) => {
    ids.set(Array.from(text.ids), offsets[i]);
  });
  const wrong = ids.find((id) => id < 0 || id >= config.vocabSize);
  if (wrong !== undefined) fail('token ids', `below vocab_size ${config.vocabSize}`, wrong);
  return {
    sizes: { tokens, segments: texts.length },
    offsets,
    inputs: {
      ids,
      segments: Int32Array.from(
        texts.flatMap((text, i) => {
          const start = offsets[i];
          return [start, start + text.ids.length, start, start + (text.length ?? text.ids.length)];
        }),
      ),
    },
  };
}
