import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TubeletError } from '../../errors.js';
import { type Fields, fieldsOf, malformed } from './fields.js';
import { clipTokenizerJson, t5TokenizerJson } from './older-forms.js';
import { readSentencePiece } from './sentencepiece.js';
import { createTokenizer, type Tokenizer, tokenContent } from './tokenizer.js';

/**
 * Loads the tokenizer of a diffusers folder: `tokenizer.json`, else the older forms of CLIP (`vocab.json`, `merges.txt`) and T5
 * (`spiece.model`); with `tokenizer_config.json` and, where they are there, the tokens that only `special_tokens_map.json` names.
 *
 * @throws TubeletError when a file is missing, malformed or of a kind that is not supported
 */
export async function loadTokenizer(directory: string): Promise<Tokenizer> {
  const config = (await readJson(directory, 'tokenizer_config.json')) ?? fieldsOf({}, 'config');
  const specialTokens = await readJson(directory, 'special_tokens_map.json');
  const entries = [...(specialTokens?.entries() ?? []), ...config.entries()];
  const given = Object.fromEntries(entries.filter(([, value]) => value !== null));
  const both = fieldsOf(given, config.where);
  const json = await readJson(directory, 'tokenizer.json');
  if (json) return createTokenizer(json, both);
  const form = await olderForm(directory);
  requireClass(both, form, directory);
  return form === 'clip' ? clipTokenizer(directory, both) : t5Tokenizer(directory, both);
}

/** Refuses a folder that {@link loadTokenizer} would refuse for what it lacks; reads nothing. */
export async function requireTokenizerFiles(directory: string): Promise<void> {
  const files = await readdir(directory).catch((): string[] => []);
  if (!files.includes('tokenizer.json')) await olderForm(directory);
}

const classes = {
  clip: ['CLIPTokenizer', 'CLIPTokenizerFast'],
  t5: ['T5Tokenizer', 'T5TokenizerFast'],
} as const;

async function olderForm(directory: string): Promise<keyof typeof classes> {
  const files = await readdir(directory).catch(() => undefined);
  if (files?.includes('vocab.json') && files.includes('merges.txt')) return 'clip';
  if (files?.includes('spiece.model')) return 't5';
  const got = files === undefined ? 'no such folder' : files.join(', ') || 'an empty folder';
  const expected = 'tokenizer.json, vocab.json with merges.txt, or spiece.model';
  const message = `${directory} must hold = ${expected}, got ${got}`;
  throw new TubeletError('BAD_CONFIG', 'tokenizer', message);
}

/** The same files are those of other tokenizers too, which do other things with them. */
function requireClass(config: Fields, form: keyof typeof classes, directory: string): void {
  const got = config.optionalText('tokenizer_class') ?? classes[form][0];
  if (classes[form].some((name) => name === got)) return;
  const message =
    `tokenizer_class of ${directory} must be = ${classes[form].join(' or ')} without a tokenizer.json, got ${got}. ` +
    `Make one with Python: from transformers import AutoTokenizer; ` +
    `AutoTokenizer.from_pretrained(r"${directory}").save_pretrained(r"${directory}")`;
  throw new TubeletError('UNSUPPORTED', 'tokenizer', message);
}

async function clipTokenizer(directory: string, config: Fields): Promise<Tokenizer> {
  const vocab = await readJson(directory, 'vocab.json');
  const merges = await readBytes(directory, 'merges.txt');
  const tokens = {
    start: tokenContent(config, 'bos_token') ?? '<|startoftext|>',
    end: tokenContent(config, 'eos_token') ?? '<|endoftext|>',
    unknown: tokenContent(config, 'unk_token') ?? '<|endoftext|>',
  };
  const entries = Object.fromEntries(vocab?.entries() ?? []);
  const json = clipTokenizerJson(entries, new TextDecoder().decode(merges), tokens);
  return createTokenizer(fieldsOf(json, 'vocab.json'), config);
}

async function t5Tokenizer(directory: string, config: Fields): Promise<Tokenizer> {
  const model = readSentencePiece(await readBytes(directory, 'spiece.model'), 'spiece.model');
  const end = tokenContent(config, 'eos_token') ?? '</s>';
  if (!model.pieces.some(({ piece }) => piece === end))
    throw malformed(`${config.where}.eos_token`, 'a piece of spiece.model', end);
  const json = t5TokenizerJson(model, end, config.count('extra_ids', 100));
  const defaults = { eos_token: end, pad_token: '<pad>', unk_token: '<unk>' };
  const all = { ...defaults, ...Object.fromEntries(config.entries()) };
  return createTokenizer(fieldsOf(json, 'spiece.model'), fieldsOf(all, config.where));
}

async function readBytes(directory: string, name: string): Promise<Uint8Array> {
  try {
    return await readFile(join(directory, name));
  } catch (cause) {
    const message = `${join(directory, name)} must be = readable, got ${cause}`;
    throw new TubeletError('IO', 'tokenizer', message, { cause });
  }
}

async function readJson(directory: string, name: string): Promise<Fields | undefined> {
  let text: string;
  try {
    text = await readFile(join(directory, name), 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new TubeletError(
      'IO',
      'tokenizer',
      `${join(directory, name)} must be = readable, got ${cause}`,
      { cause },
    );
  }
  try {
    return fieldsOf(JSON.parse(text), name);
  } catch (cause) {
    if (cause instanceof SyntaxError) throw malformed(join(directory, name), 'JSON', cause.message);
    throw cause;
  }
}
