import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TubeletError } from '../../errors.js';
import { type Fields, fieldsOf, malformed } from './fields.js';
import { createTokenizer, type Tokenizer } from './tokenizer.js';

/**
 * Loads the tokenizer of a diffusers folder: `tokenizer.json`, `tokenizer_config.json` and, where
 * they are there, the tokens that only `special_tokens_map.json` names.
 * @throws TubeletError when a file is missing, malformed or of a kind that is not supported; for
 *   older folders (`spiece.model`, `vocab.json`) it says how to make `tokenizer.json`
 */
export async function loadTokenizer(directory: string): Promise<Tokenizer> {
  const json = await readJson(directory, 'tokenizer.json');
  if (json === undefined) throw await withoutTokenizerJson(directory);
  const config = (await readJson(directory, 'tokenizer_config.json')) ?? fieldsOf({}, 'config');
  const specialTokens = await readJson(directory, 'special_tokens_map.json');
  const both = Object.fromEntries(
    [...(specialTokens?.entries() ?? []), ...config.entries()].filter(
      ([, value]) => value !== null,
    ),
  );
  return createTokenizer(json, fieldsOf(both, config.where));
}

/** Refuses a folder that {@link loadTokenizer} would refuse for what it lacks; reads nothing. */
export async function requireTokenizerFiles(directory: string): Promise<void> {
  const files = await readdir(directory).catch((): string[] => []);
  if (!files.includes('tokenizer.json')) throw await withoutTokenizerJson(directory);
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

async function withoutTokenizerJson(directory: string): Promise<TubeletError> {
  const files = await readdir(directory).catch(() => undefined);
  const older = files?.find(
    (name) => name.endsWith('.model') || name === 'vocab.json' || name === 'vocab.txt',
  );
  const got =
    files === undefined
      ? 'no such folder'
      : older === undefined
        ? 'a folder without it'
        : `only ${older}, the older form. Make it once with Python: ` +
          `from transformers import AutoTokenizer; AutoTokenizer.from_pretrained(r"${directory}").save_pretrained(r"${directory}")`;
  return new TubeletError(
    'BAD_CONFIG',
    'tokenizer',
    `${join(directory, 'tokenizer.json')} must be = there, got ${got}`,
  );
}
