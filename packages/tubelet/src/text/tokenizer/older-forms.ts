import type { SentencePieceModel } from './sentencepiece.js';

/** A parsed tokenizer.json. */
type TokenizerJson = Readonly<Record<string, unknown>>;

/**
 * What transformers makes of a CLIP tokenizer's `vocab.json` and `merges.txt` (its CLIPConverter).
 *
 * @param tokens the start and end token
 */
export function clipTokenizerJson(
  vocab: Readonly<Record<string, unknown>>,
  merges: string,
  tokens: { readonly start: string; readonly end: string; readonly unknown: string },
): TokenizerJson {
  const special = [tokens.start, tokens.end];
  const words = [
    ...special.map((token) => token.replace(/[|\\{}()[\]^$+*?.]/g, '\\$&')),
    ...["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"],
    String.raw`[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`,
  ];
  const byteLevel = {
    type: 'ByteLevel',
    add_prefix_space: false,
    trim_offsets: true,
    use_regex: true,
  };
  return {
    added_tokens: special.map((content) => ({ ...plain, id: vocab[content], content })),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: String.raw`\s+` }, content: ' ' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: words.join('|') }, behavior: 'Removed', invert: true },
        byteLevel,
      ],
    },
    post_processor: {
      type: 'RobertaProcessing',
      sep: [tokens.end, vocab[tokens.end]],
      cls: [tokens.start, vocab[tokens.start]],
      trim_offsets: false,
      add_prefix_space: false,
    },
    decoder: { ...byteLevel, add_prefix_space: true },
    model: {
      type: 'BPE',
      unk_token: tokens.unknown,
      continuing_subword_prefix: '',
      end_of_word_suffix: '</w>',
      vocab,
      merges: merges.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#version')),
    },
  };
}

/**
 * What transformers makes of a T5's `spiece.model` (its SpmConverter), which is what sentencepiece itself does.
 *
 * @param extraIds how many tokens `<extra_id_0>`, … stand behind the pieces, the last one first
 */
export function t5TokenizerJson(
  { pieces, unkId, byteFallback, charsmap }: SentencePieceModel,
  end: string,
  extraIds: number,
): TokenizerJson {
  const extra = Array.from({ length: extraIds }, (_, i) => `<extra_id_${extraIds - 1 - i}>`);
  const vocab = [
    ...pieces.map(({ piece, score }) => [piece, score]),
    ...extra.map((piece) => [piece, 0]),
  ];
  const special = vocab.flatMap(([content], id) =>
    id >= pieces.length || pieces[id]!.isSpecial ? [{ ...plain, id, content }] : [],
  );
  const endId = pieces.findIndex(({ piece }) => piece === end);
  const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true };
  const map = {
    type: 'Precompiled',
    precompiled_charsmap: Buffer.from(charsmap).toString('base64'),
  };
  return {
    added_tokens: special,
    normalizer: {
      type: 'Sequence',
      normalizers: [
        ...(charsmap.length > 0 ? [map] : []),
        { type: 'Strip', strip_left: false, strip_right: true },
        { type: 'Replace', pattern: { Regex: ' {2,}' }, content: '▁' },
      ],
    },
    pre_tokenizer: metaspace,
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: end, type_id: 0 } }],
      pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 0 } }],
      special_tokens: { [end]: { id: end, ids: [endId], tokens: [end] } },
    },
    decoder: byteFallback
      ? { type: 'Sequence', decoders: [{ type: 'ByteFallback' }, metaspace] }
      : metaspace,
    model: { type: 'Unigram', unk_id: unkId, vocab, byte_fallback: byteFallback },
  };
}

const plain = {
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
};
