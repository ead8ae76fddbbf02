import { randomUUID } from 'node:crypto';
import { open, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TubeletError } from '../errors.js';

/**
 * Writes a file that is there whole or not at all: a hidden temporary file beside it, then a rename. The temporary file is
 * removed when writing fails or `signal` aborts.
 *
 * @throws TubeletError IO, or ABORTED
 */
export async function writeFileWhole(
  path: string,
  parts: readonly Uint8Array[],
  signal?: AbortSignal,
): Promise<void> {
  // A rename would replace a symbolic link; what it points to is meant.
  const target = await realpath(path).catch(() => path);
  const temporary = join(dirname(target), `.${basename(target)}.${randomUUID()}.part`);
  try {
    const file = await open(temporary, 'wx');
    try {
      for (const part of parts) {
        checkAborted(signal);
        await file.writeFile(part);
      }
    } finally {
      await file.close();
    }
    checkAborted(signal);
    await rename(temporary, target);
  } catch (cause) {
    await rm(temporary, { force: true });
    if (TubeletError.isInstance(cause)) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TubeletError('IO', 'media', `cannot write ${path}: ${reason}`, { cause });
  }
}

export function abortError(signal: AbortSignal | undefined): TubeletError {
  return new TubeletError('ABORTED', 'media', 'writing was aborted', { cause: signal?.reason });
}

/** Throws TubeletError ABORTED when `signal` has aborted; its reason is the cause. */
export function checkAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError(signal);
}
