import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A parsed tokenizer.json. */
export type TokenizerJson = Record<string, unknown>;

function addedToken(id: number, content: string, options: object = {}): object {
  const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  return { id, content, ...plain, special: true, ...options };
}

function vocabulary(tokens: readonly string[]): Record<string, number> {
  return Object.fromEntries(tokens.map((token, id) => [token, id]));
}

/** T5-like: a character map, byte fallback where asked, `▁` before words. */
export function unigramTokenizer(byteFallback: boolean): TokenizerJson {
  const bytePieces = Array.from({ length: 256 }, (_, byte): [string, number] => [
    `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
    0,
  ]);
  const pieces: [string, number][] = [
    ['<pad>', 0],
    ['</s>', 0],
    ['<unk>', 0],
    ['▁', -2],
    ['▁the', -3],
    ['▁cat', -4],
    ['s', -3.5],
    ['cat', -6],
    ['a', -4],
    ['fi', -5],
    ['é', -5],
    ['猫', -6],
    ['🙂', -7],
  ];
  const map = { ﬁ: 'fi', 'e\u0301': 'é', '\t': ' ', '\u200b': '' };
  const metaspace = {
    type: 'Metaspace',
    replacement: '▁',
    prepend_scheme: 'always',
    split: true,
  };
  return {
    version: '1.0',
    added_tokens: [addedToken(0, '<pad>'), addedToken(1, '</s>'), addedToken(2, '<unk>')],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Precompiled', precompiled_charsmap: charsmap(map) },
        { type: 'Strip', strip_left: false, strip_right: true },
        { type: 'Replace', pattern: { Regex: ' {2,}' }, content: '▁' },
      ],
    },
    pre_tokenizer: metaspace,
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: '</s>', type_id: 0 } }],
      pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 0 } }],
      special_tokens: { '</s>': { id: '</s>', ids: [1], tokens: ['</s>'] } },
    },
    decoder: { type: 'Sequence', decoders: [{ type: 'ByteFallback' }, metaspace] },
    model: {
      type: 'Unigram',
      unk_id: 2,
      vocab: byteFallback ? [...pieces, ...bytePieces] : pieces,
      byte_fallback: byteFallback,
    },
  };
}

/** GPT-2-like: all 256 bytes and a few merges, written in the old form. */
export function byteLevelTokenizer(): TokenizerJson {
  const byteLevel = {
    type: 'ByteLevel',
    add_prefix_space: false,
    trim_offsets: true,
    use_regex: true,
  };
  return {
    version: '1.0',
    added_tokens: [
      addedToken(0, '</s>'),
      addedToken(263, '<New>', { normalized: true, special: false }),
      addedToken(264, 'dog', { single_word: true, lstrip: true, special: false }),
    ],
    normalizer: { type: 'Lowercase' },
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      vocab: vocabulary(['</s>', ...byteAlphabet(), 'th', 'the', 'Ġthe', 'ca', 'cat', 'Ġcat']),
      merges: ['#version: 0.2', 't h', 'th e', 'Ġ the', 'c a', 'ca t', 'Ġ cat'],
    },
  };
}

/** CLIP-like: its regular expression, `</w>` at the end of words, start and end tokens; the model without its type. */
export function clipTokenizer(): TokenizerJson {
  const alphabet = byteAlphabet();
  const tokens = [
    ...alphabet,
    ...alphabet.map((c) => `${c}</w>`),
    'ca',
    'cat</w>',
    'th',
    'the</w>',
  ];
  const [start, end] = [tokens.length, tokens.length + 1];
  const byteLevel = {
    type: 'ByteLevel',
    add_prefix_space: false,
    trim_offsets: true,
    use_regex: true,
  };
  const words =
    "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";
  return {
    version: '1.0',
    added_tokens: [addedToken(start, '<|startoftext|>'), addedToken(end, '<|endoftext|>')],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: words }, behavior: 'Removed', invert: true },
        byteLevel,
      ],
    },
    post_processor: {
      type: 'RobertaProcessing',
      sep: ['<|endoftext|>', end],
      cls: ['<|startoftext|>', start],
      trim_offsets: false,
      add_prefix_space: false,
    },
    decoder: byteLevel,
    model: {
      unk_token: '<|endoftext|>',
      continuing_subword_prefix: '',
      end_of_word_suffix: '</w>',
      vocab: vocabulary([...tokens, '<|startoftext|>', '<|endoftext|>']),
      merges: [
        ['c', 'a'],
        ['ca', 't</w>'],
        ['t', 'h'],
        ['th', 'e</w>'],
      ],
    },
  };
}

/** BERT-like. */
export function wordPieceTokenizer(): TokenizerJson {
  const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]'];
  return {
    version: '1.0',
    added_tokens: special.map((token, id) => addedToken(id, token)),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: { type: 'BertProcessing', sep: ['[SEP]', 3], cls: ['[CLS]', 2] },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 20,
      vocab: vocabulary([...special, 'the', 'cat', '##s', '!', '猫', 'cafe']),
    },
  };
}

/** Writes a tokenizer folder, without tokenizer.json where that is undefined, and gives its path. */
export async function tokenizerFolder(json: unknown, config: object = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tokenizer-'));
  if (json !== undefined) await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(json));
  await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(config));
  return folder;
}

/** The characters that stand for bytes, in the order of GPT-2's vocabulary. */
function byteAlphabet(): string[] {
  const printable = Array.from({ length: 256 }, (_, byte) => byte).filter(
    (byte) => (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad),
  );
  const others = Array.from({ length: 256 - printable.length }, (_, i) => 0x100 + i);
  return [...printable, ...others].map((point) => String.fromCharCode(point));
}

/** SentencePiece's compiled form of a character map: size of the trie, double-array trie, pool. */
function charsmap(replacements: Readonly<Record<string, string>>): string {
  let pool = '';
  const entries = Object.entries(replacements).map(([key, value]) => {
    const entry = { key: [...Buffer.from(key)], value: Buffer.byteLength(pool) };
    pool += `${value}\0`;
    return entry;
  });
  const units: (number | undefined)[] = [0];
  const bases = new Set<number>();
  const place = (position: number, below: typeof entries, label: number): void => {
    const leaf = below.find((entry) => entry.key.length === 0);
    const labels = [...new Set(below.flatMap((entry) => entry.key.slice(0, 1)))];
    let base = 1;
    const isTaken = (c: number): boolean => units[base ^ c] !== undefined;
    while (bases.has(base) || [...labels, ...(leaf ? [0] : [])].some(isTaken)) base++;
    bases.add(base);
    units[position] = ((position ^ base) << 10) | (leaf ? 0x100 : 0) | label;
    if (leaf) units[base] = 0x80000000 | leaf.value;
    for (const c of labels) units[base ^ c] = 0;
    for (const c of labels) {
      const next = below.filter((entry) => entry.key[0] === c);
      place(
        base ^ c,
        next.map((entry) => ({ ...entry, key: entry.key.slice(1) })),
        c,
      );
    }
  };
  place(0, entries, 0);
  const size = Math.ceil(units.length / 256) * 256;
  const bytes = Buffer.alloc(4 + 4 * size);
  bytes.writeUInt32LE(4 * size, 0);
  for (const [i, unit] of units.entries()) bytes.writeUInt32LE((unit ?? 0) >>> 0, 4 + 4 * i);
  return Buffer.concat([bytes, Buffer.from(pool)]).toString('base64');
}
