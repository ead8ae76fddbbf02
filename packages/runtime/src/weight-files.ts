import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { TubeletError } from '@tubelet/graph';
import { duplicateKey } from './duplicate-key.js';

/** A file of tensors, and which of its tensors count (all of them where an index says nothing). */
export interface WeightFile {
  readonly path: string;
  readonly names?: ReadonlySet<string>;
}

const maxIndexBytes = 100_000_000;

/** Whether torch.save writes files of this name. */
export function isTorchFile(path: string): boolean {
  return /\.(pt|pth|bin|ckpt)$/.test(path);
}

/** The files that a path, or several, stand for: see {@link openWeights}. */
export async function listWeightFiles(paths: string | readonly string[]): Promise<WeightFile[]> {
  if (typeof paths !== 'string') return paths.map((path) => ({ path }));
  const status = await stat(paths).catch((cause: Error) => {
    refuse('IO', `${paths} must be = readable, got ${cause.message}`, cause);
  });
  const path = status.isDirectory() ? join(paths, await chooseInFolder(paths)) : paths;
  return path.endsWith('.json') ? readIndex(path) : [{ path }];
}

// A folder may hold variants too (model.fp16.safetensors): the file without one is taken.
async function chooseInFolder(folder: string): Promise<string> {
  const names = (await readdir(folder)).sort();
  const indices = names.filter((name) => name.endsWith('.safetensors.index.json'));
  const singles = names.filter((name) => name.endsWith('.safetensors'));
  const torch = names.filter(isTorchFile);
  for (const candidates of [indices, singles, torch]) {
    const plain = candidates.filter((name) => /^[^.]+\.\w+(\.index\.json)?$/.test(name));
    if (candidates.length === 1) return candidates[0];
    if (plain.length === 1) return plain[0];
  }
  const got = [...indices, ...singles, ...torch].join(', ') || 'none';
  return refuse('IO', `${folder} must hold = one safetensors file or index, got ${got}`);
}

async function readIndex(path: string): Promise<WeightFile[]> {
  const { size } = await stat(path);
  if (size > maxIndexBytes) {
    refuse('BAD_WEIGHT', `${path} must be = at most ${maxIndexBytes} bytes, got ${size}`);
  }
  const map = parseIndex(await readFile(path, 'utf8'), path);
  const namesOf = new Map<string, Set<string>>();
  for (const [name, file] of map) {
    if (!isInside(file)) {
      const quoted = JSON.stringify(file);
      refuse('BAD_WEIGHT', `file of "${name}" in ${path} must be = in its folder, got ${quoted}`);
    }
    namesOf.set(file, (namesOf.get(file) ?? new Set()).add(name));
  }
  const files = [...namesOf].map(([file, names]) => ({ path: join(dirname(path), file), names }));
  const found = await Promise.all(files.map(({ path }) => stat(path).catch(() => undefined)));
  const missing = files.filter((_, i) => !found[i]?.isFile()).map(({ path }) => path);
  if (missing.length > 0) {
    refuse('IO', `shards of ${path} must be = all there, got none of ${missing.join(', ')}`);
  }
  return files;
}

function parseIndex(text: string, path: string): [string, string][] {
  let index: { weight_map?: unknown };
  try {
    index = JSON.parse(text);
  } catch (cause) {
    return refuse('BAD_WEIGHT', `${path} must be = JSON, got another text`, cause);
  }
  const twice = duplicateKey(text);
  if (twice !== undefined) {
    refuse('BAD_WEIGHT', `${path} must be = without duplicate keys, got "${twice}"`);
  }
  const map = index?.weight_map;
  const entries = typeof map === 'object' && map !== null ? Object.entries(map) : [];
  if (entries.length === 0 || !entries.every(([, file]) => typeof file === 'string')) {
    refuse('BAD_WEIGHT', `weight_map of ${path} must be = an object of file names, got another`);
  }
  return entries;
}

function isInside(file: string): boolean {
  const normal = posix.normalize(file);
  return (
    file !== '' &&
    !/[\\\0:]/.test(file) &&
    !posix.isAbsolute(normal) &&
    normal !== '.' &&
    normal.split('/')[0] !== '..'
  );
}

function refuse(code: 'IO' | 'BAD_WEIGHT', message: string, cause?: unknown): never {
  throw new TubeletError(code, 'weights', message, cause === undefined ? undefined : { cause });
}
