import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname, extname } from 'node:path';
import { TubeletError } from '../errors.js';

/** What a video or a picture can be written as. */
export type MediaFormat = 'mp4' | 'gif' | 'webp' | 'png' | 'jpg';

const formats: Readonly<Record<string, MediaFormat>> = {
  '.mp4': 'mp4',
  '.gif': 'gif',
  '.webp': 'webp',
  '.png': 'png',
  '.jpg': 'jpg',
  '.jpeg': 'jpg',
};

/**
 * The format that a path's extension names, upper or lower case.
 *
 * @throws TubeletError UNSUPPORTED for any other extension, with the list of the possible ones
 */
export function mediaFormat(path: string): MediaFormat {
  const format = formats[extname(path).toLowerCase()];
  if (format === undefined) {
    const possible = '.mp4, .gif, .webp, .png or (one frame) .jpg';
    const message = `the output's extension must be = ${possible}, got ${path}`;
    throw new TubeletError('UNSUPPORTED', 'media', message);
  }
  return format;
}

function ioError(message: string, cause?: unknown): TubeletError {
  return new TubeletError('IO', 'media', message, { cause });
}

/**
 * Says before any work starts whether a file can be written: known extension, a folder that exists and is writable, and at
 * `path` nothing, or a writable file.
 *
 * @throws TubeletError UNSUPPORTED (extension) or IO (folder, permissions), one sentence
 */
export async function checkOutputPath(path: string): Promise<MediaFormat> {
  const format = mediaFormat(path);
  const folder = dirname(path);
  const folderStat = await stat(folder).catch((cause: unknown) => {
    throw ioError(`the output folder must be = an existing folder, got ${folder}`, cause);
  });
  if (!folderStat.isDirectory()) {
    throw ioError(`the output folder must be = a folder, got the file ${folder}`);
  }
  await access(folder, constants.W_OK | constants.X_OK).catch((cause: unknown) => {
    throw ioError(`the output folder must be = writable, got ${folder}, which is not`, cause);
  });

  const existing = await stat(path).catch(() => undefined);
  if (existing === undefined) return format;
  if (!existing.isFile())
    throw ioError(`the output must be = a file, got ${path}, which is not one`);
  await access(path, constants.W_OK).catch((cause: unknown) => {
    throw ioError(`the existing output must be = writable, got ${path}, which is not`, cause);
  });
  return format;
}
