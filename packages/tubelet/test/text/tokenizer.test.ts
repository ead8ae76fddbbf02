import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TubeletError } from '../../src/errors.js';
import { loadTokenizer, type Tokenizer } from '../../src/text/index.js';
import {
  byteLevelTokenizer,
  clipTokenizer,
  type TokenizerJson,
  tokenizerFolder,
  unigramTokenizer,
  wordPieceTokenizer,
} from './tiny-tokenizers.js';

async function load(json: unknown, config: object = {}): Promise<Tokenizer> {
  const folder = await tokenizerFolder(json, config);
  try {
    return await loadTokenizer(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Text, ids and decoded text as Hugging Face's tokenizers 0.23.2 give them for the same tokenizer.json. */
type Expected = [text: string, ids: number[], decoded: string];

const CASES: Record<string, [TokenizerJson, Expected[]]> = {
  Unigram: [
    unigramTokenizer(false),
    [
      ['', [1], ''],
      ['the cats', [4, 5, 6, 1], 'the cats'],
      [' a  cat ', [3, 8, 5, 1], 'a cat'],
      ['ﬁ cafe\u0301', [3, 9, 3, 2, 8, 2, 10, 1], 'fi aé'],
      ['ﬁ\u0301', [3, 9, 1], 'fi'],
      ['xyz cat qq', [3, 2, 5, 3, 2, 1], ' cat '],
      ['a</s>a', [3, 8, 1, 3, 8, 1], 'a a'],
      ['\u200ba\tcat', [3, 8, 5, 1], 'a cat'],
      ['猫🙂', [3, 11, 12, 1], '猫🙂'],
      ['▁▁the', [3, 4, 1], ' the'],
    ],
  ],
  'Unigram with byte fallback': [
    unigramTokenizer(true),
    [
      ['xé', [3, 133, 10, 1], 'xé'],
      ['é\0', [3, 10, 13, 1], 'é\0'],
      ['<0x41>', [3, 78, 1], 'A'],
      ['<unk>z', [2, 3, 135, 1], 'z'],
    ],
  ],
  'byte-level BPE': [
    byteLevelTokenizer(),
    [
      ['', [], ''],
      ['the cat THE', [258, 262, 259], 'the cat the'],
      ['ΟΔΟΣ', [139, 124, 139, 113, 139, 124, 140, 226], 'οδοσ'],
      ['a<NEW>b', [65, 263, 66], 'a<new>b'],
      ['x\0🙂', [88, 189, 173, 254, 248, 225], 'x\0🙂'],
      ['  the', [221, 259], '  the'],
      ['the  dog dogs', [258, 264, 221, 68, 79, 71, 83], 'thedog dogs'],
    ],
  ],
  'CLIP-like BPE': [
    clipTokenizer(),
    [
      ['', [516, 517], ''],
      ['The  cat!', [516, 515, 513, 256, 517], 'the</w>cat</w>!</w>'],
      ["cat's 12", [516, 513, 6, 338, 272, 273, 517], "cat</w>'s</w>1</w>2</w>"],
      ['<|endoftext|> cat', [516, 517, 513, 517], 'cat</w>'],
      ['e\u0301', [516, 127, 358, 517], 'é</w>'],
    ],
  ],
  WordPiece: [
    wordPieceTokenizer(),
    [
      ['The cats!', [2, 4, 5, 6, 7, 3], 'the cats!'],
      ['Café 猫', [2, 9, 8, 3], 'cafe 猫'],
      [`${'x'.repeat(30)} cat`, [2, 1, 5, 3], 'cat'],
      ['the\0 \u00a0cat', [2, 4, 5, 3], 'the cat'],
    ],
  ],
};

describe.each(Object.entries(CASES))('%s', (_, [json, expected]) => {
  it.each(expected)('%j', async (text, ids, decoded) => {
    const tokenizer = await load(json);
    expect(tokenizer.encode(text)).toEqual({ ids, droppedTokens: 0 });
    expect(tokenizer.decode(ids)).toBe(decoded);
  });
});

describe('encode', () => {
  it('keeps the end token of a long text and says what was dropped', async () => {
    const tokenizer = await load(unigramTokenizer(false), { model_max_length: 4 });
    expect(tokenizer.encode('the cats a')).toEqual({
      ids: [4, 5, 6, 1],
      droppedTokens: 2,
      droppedText: 'a',
    });
    expect(tokenizer.encode('the cats a', { maxLength: 1 })).toEqual({
      ids: [1],
      droppedTokens: 5,
      droppedText: 'the cats a',
    });
    expect(tokenizer.encode('the cats a', { maxLength: 6 }).droppedTokens).toBe(0);
  });

  it('cuts the beginning where the config says so', async () => {
    const tokenizer = await load(clipTokenizer(), { truncation_side: 'left' });
    expect(tokenizer.encode('the cat!', { maxLength: 3 })).toEqual({
      ids: [516, 256, 517],
      droppedTokens: 2,
      droppedText: 'the</w>cat</w>',
    });
  });

  it.each([0, 1.5, -1, Number.NaN])('refuses the length %d', async (maxLength) => {
    const tokenizer = await load(unigramTokenizer(false));
    expect(() => tokenizer.encode('a', { maxLength })).toThrow(
      `[tokenizer] maxLength must be = a whole number from 1 (the special tokens), got ${maxLength}`,
    );
  });

  it('reads a lone surrogate as U+FFFD', async () => {
    const tokenizer = await load(unigramTokenizer(true));
    expect(tokenizer.encode('a\ud800a')).toEqual(tokenizer.encode('a\ufffda'));
    expect(tokenizer.decode(tokenizer.encode('\udc00').ids)).toBe('\ufffd');
  });

  it.each(['x', 'a', ' ', '猫', '🙂', 'e\u0301'])('takes 50,000 times %j', async (character) => {
    for (const [json] of Object.values(CASES)) {
      const tokenizer = await load(json);
      const text = character.repeat(50_000);
      const { ids, droppedTokens } = tokenizer.encode(text);
      expect(ids.length).toBeLessThanOrEqual(512);
      const all = tokenizer.encode(text, { maxLength: 1_000_000 }).ids;
      expect(all.length - ids.length).toBe(droppedTokens);
    }
  });
});

describe('the limit on the length', () => {
  it.each([
    [{}, 512],
    [{ model_max_length: 1e30 }, 512],
    [{ model_max_length: 77 }, 77],
  ])('%j gives %d', async (config, maxLength) => {
    expect((await load(unigramTokenizer(false), config)).maxLength).toBe(maxLength);
  });
});

describe('special tokens', () => {
  it('are named by the config, as texts or as objects', async () => {
    const tokenizer = await load(unigramTokenizer(false), {
      pad_token: '<pad>',
      eos_token: { __type: 'AddedToken', content: '</s>', special: true },
      unk_token: '<unk>',
      bos_token: null,
      padding_side: 'left',
    });
    expect(tokenizer).toMatchObject({
      padTokenId: 0,
      eosTokenId: 1,
      unkTokenId: 2,
      bosTokenId: undefined,
      paddingSide: 'left',
    });
  });

  it('of special_tokens_map.json fill what the config leaves open', async () => {
    const folder = await tokenizerFolder(unigramTokenizer(false), { eos_token: '</s>' });
    const map = { eos_token: '<unk>', pad_token: '<pad>' };
    await writeFile(join(folder, 'special_tokens_map.json'), JSON.stringify(map));
    expect(await loadTokenizer(folder)).toMatchObject({ padTokenId: 0, eosTokenId: 1 });
  });

  it('that only the config knows are recognised in a text', async () => {
    const tokenizer = await load(unigramTokenizer(false), {
      pad_token: 's',
      added_tokens_decoder: { 13: { content: '<extra>', special: true } },
    });
    expect(tokenizer.encode('a s<extra>').ids).toEqual([3, 8, 6, 13, 1]);
    expect(tokenizer.vocabularySize).toBe(14);
    expect(tokenizer.decode([8, 13])).toBe('a');
    expect(tokenizer.decode([8, 13], { keepSpecialTokens: true })).toBe('a<extra>');
  });

  it('of no token say nothing', async () => {
    const tokenizer = await load(unigramTokenizer(false));
    expect(tokenizer.decode([4, 99_999, -1, 5])).toBe('the cat');
  });
});

describe('a folder', () => {
  const refusal = async (promise: Promise<unknown>): Promise<TubeletError> => {
    const error = await promise.catch((reason: unknown) => reason);
    expect(TubeletError.isInstance(error)).toBe(true);
    return error as TubeletError;
  };

  it('that is absent or empty is refused', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tokenizer-'));
    expect((await refusal(loadTokenizer(folder))).message).toContain('got an empty folder');
    const absent = loadTokenizer(join(folder, 'absent'));
    expect((await refusal(absent)).message).toContain('got no such folder');
  });

  it('with a broken file is refused', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tokenizer-'));
    await writeFile(join(folder, 'tokenizer.json'), '{"model":');
    expect((await refusal(loadTokenizer(folder))).message).toContain('must be = JSON');
  });

  const unigram = unigramTokenizer(false);
  const bpe = byteLevelTokenizer();
  const model = (changes: object) => ({ ...bpe, model: { ...(bpe.model as object), ...changes } });
  it.each<[string, unknown, string]>([
    ['a list', [], 'tokenizer.json must be = an object'],
    ['no model', { ...unigram, model: null }, 'tokenizer.json.model must be = an object'],
    [
      'an unknown model',
      model({ type: 'constructor' }),
      'model.type must be = one of Unigram, BPE',
    ],
    ['an unknown normaliser', { ...unigram, normalizer: { type: 'X' } }, 'normalizer.type must be'],
    [
      'a broken character map',
      { ...unigram, normalizer: { type: 'Precompiled', precompiled_charsmap: 'AAAA' } },
      'precompiled_charsmap must be = a character map',
    ],
    [
      'a broken regular expression',
      {
        ...unigram,
        pre_tokenizer: { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated' },
      },
      'pre_tokenizer.pattern.Regex must be = a regular expression',
    ],
    ['merges of unknown tokens', model({ merges: ['q zz'] }), 'must be = tokens of the vocabulary'],
    ['dropout', model({ dropout: 0.1 }), 'model.dropout must be = 0 or null, got 0.1'],
    ['a bad id', model({ vocab: { a: -1 } }), 'model.vocab.a must be = a token id, got -1'],
  ])('with %s is refused', async (_, json, message) => {
    expect((await refusal(load(json))).message).toContain(message);
  });

  it('whose config names a token that is not there is refused by name', async () => {
    const error = await refusal(load(unigram, { model_max_length: 'long' }));
    expect(error.message).toBe(
      '[tokenizer] tokenizer_config.json.model_max_length must be = a number from 1, got "long"',
    );
  });
});
