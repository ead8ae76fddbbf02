import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadTokenizer, requireTokenizerFiles } from '../../src/text/index.js';
import { clipTokenizer, tokenizerFolder, unigramTokenizer } from './tiny-tokenizers.js';

type Json = Readonly<Record<string, unknown>>;
const texts = [
  '',
  'the cat',
  'The  cats,\n the CAT’s 12 caté',
  'cat<|endoftext|>the </s> <pad> <extra_id_0>',
  'ﬁ 猫🙂 e\u0301 \u200bcat  ',
];

/** One field of a protobuf message. */
function field(number: number, value: number | string | Uint8Array): Uint8Array {
  if (typeof value === 'number') {
    return Number.isInteger(value) && value >= 0
      ? Uint8Array.of(...varint(number * 8), ...varint(value))
      : Uint8Array.of(...varint(number * 8 + 5), ...new Uint8Array(Float32Array.of(value).buffer));
  }
  const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value;
  return Uint8Array.from([...varint(number * 8 + 2), ...varint(bytes.length), ...bytes]);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}

/** The sentencepiece model that a Unigram tokenizer.json was made of. */
function spiece(json: Json, modelType = 1): Uint8Array {
  const { vocab, byte_fallback: fallback } = json.model as {
    vocab: [string, number][];
    byte_fallback: boolean;
  };
  const [map] = (json.normalizer as { normalizers: { precompiled_charsmap: string }[] })
    .normalizers;
  const kinds: Record<string, number> = { '<unk>': 2, '<pad>': 3, '</s>': 3 };
  const score = (value: number) => new Uint8Array(Float32Array.of(value).buffer);
  const pieces = vocab.map(([piece, value]) =>
    field(
      1,
      Buffer.concat([
        field(1, piece),
        Uint8Array.of(2 * 8 + 5, ...score(value)),
        field(3, kinds[piece] ?? 1),
      ]),
    ),
  );
  const trainer = [field(3, modelType), field(35, fallback ? 1 : 0), field(40, 2)];
  const charsmap = Buffer.from(map!.precompiled_charsmap, 'base64');
  const normalizer = [field(1, 'nmt_nfkc'), field(2, charsmap)];
  return Buffer.concat([
    ...pieces,
    field(2, Buffer.concat(trainer)),
    field(3, Buffer.concat(normalizer)),
  ]);
}

/** A folder with a tokenizer_config.json and the files of an older form. */
async function olderFolder(config: Json, files: Readonly<Record<string, string | Uint8Array>>) {
  const folder = await tokenizerFolder(undefined, config);
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return folder;
}

describe('a folder without tokenizer.json', () => {
  const t5 = { tokenizer_class: 'T5Tokenizer', extra_ids: 2, model_max_length: 40 };

  it.for([true, false])(
    'of T5 gives the ids of spiece.model (byte fallback: %s)',
    async (fallback) => {
      const json = unigramTokenizer(fallback);
      const pieces = (json.model as { vocab: unknown[] }).vocab;
      const whole = await loadTokenizer(await tokenizerFolder(json, { model_max_length: 40 }));
      const older = await loadTokenizer(await olderFolder(t5, { 'spiece.model': spiece(json) }));
      for (const text of texts.slice(0, 3)) expect(older.encode(text)).toEqual(whole.encode(text));
      const markup = older.encode('cat <extra_id_0> <extra_id_1>').ids;
      expect(markup).toContain(pieces.length + 1);
      expect(markup).toContain(pieces.length);
      expect(older).toMatchObject({ padTokenId: 0, eosTokenId: 1, unkTokenId: 2, maxLength: 40 });
      expect(older.decode(older.encode(texts[4]!).ids)).toBe(
        whole.decode(whole.encode(texts[4]!).ids),
      );
    },
  );

  it('of CLIP gives the ids of vocab.json and merges.txt', async () => {
    const json = clipTokenizer();
    const { vocab, merges } = json.model as { vocab: Json; merges: readonly (readonly string[])[] };
    const config = {
      bos_token: '<|startoftext|>',
      eos_token: { content: '<|endoftext|>', lstrip: false },
      unk_token: '<|endoftext|>',
      pad_token: '!',
      model_max_length: 77,
    };
    const whole = await loadTokenizer(await tokenizerFolder(json, config));
    const files = {
      'vocab.json': JSON.stringify(vocab),
      'merges.txt': `#version: 0.2\n${merges.map((pair) => pair.join(' ')).join('\n')}\n`,
    };
    const older = await loadTokenizer(
      await olderFolder({ ...config, tokenizer_class: 'CLIPTokenizer' }, files),
    );
    for (const text of texts) expect(older.encode(text)).toEqual(whole.encode(text));
    const { padTokenId, bosTokenId, eosTokenId } = whole;
    expect(older).toMatchObject({ padTokenId, bosTokenId, eosTokenId, maxLength: 77 });
  });

  const json = unigramTokenizer(false);
  const bytes = spiece(json);
  const refused: readonly (readonly [string, Json, Record<string, string | Uint8Array>, RegExp])[] =
    [
      [
        'no files',
        {},
        {},
        /must hold = tokenizer\.json, vocab\.json with merges\.txt, or spiece\.model/,
      ],
      ['half of CLIP', {}, { 'vocab.json': '{}' }, /must hold = .*, got .*vocab\.json/],
      [
        'another class',
        { tokenizer_class: 'LlamaTokenizer' },
        { 'spiece.model': bytes },
        /must be = T5Tokenizer .*Make one with Python/,
      ],
      [
        'an empty model',
        t5,
        { 'spiece.model': '' },
        /must be = a sentencepiece model, got "no pieces"/,
      ],
      ['a cut model', t5, { 'spiece.model': bytes.subarray(0, 100) }, /got "a cut message"/],
      [
        'another kind',
        t5,
        { 'spiece.model': spiece(json, 2) },
        /model_type of spiece\.model must be = 1 \(unigram\), got 2/,
      ],
      [
        'another end',
        { ...t5, eos_token: '<end>' },
        { 'spiece.model': bytes },
        /eos_token must be = a piece of spiece\.model/,
      ],
    ];
  it.for(refused)('with %s is refused', async ([, config, files, message]) => {
    await expect(loadTokenizer(await olderFolder(config, files))).rejects.toThrow(message);
  });

  it('is known by its files alone', async () => {
    await requireTokenizerFiles(await olderFolder({}, { 'spiece.model': '' }));
    await expect(requireTokenizerFiles(await olderFolder({}, {}))).rejects.toThrow(/must hold =/);
  });
});
