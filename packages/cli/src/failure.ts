import { inspect } from 'node:util';
import { TubeletError } from 'tubelet';
import { modelFlagNames } from './model-flags.js';

/** Options of the command line by the request's names for them. */
const optionNames: Readonly<Record<string, string>> = {
  classLabel: '--class',
  count: '--count',
  width: '--size: width',
  height: '--size: height',
  size: '--size: picture',
  numFrames: '--frames',
  steps: '--steps',
  guidanceScale: '--guidance',
  guidanceScale2: '--guidance2',
  seed: '--seed',
  fps: '--fps',
  scheduler: '--scheduler',
  scale: '--scale',
  threads: '--threads',
  image: '--image',
  lastImage: '--last-image',
  ...modelFlagNames,
};

/** What a user reads of an error: a sentence, or with `debug` everything. */
export function describeFailure(error: unknown, debug: boolean): string {
  if (debug) return `tubelet: ${inspect(error)}`;
  if (!(error instanceof Error)) return `tubelet: ${error}`;
  if (!TubeletError.isInstance(error))
    return `tubelet: ${error.message} (unexpected; --debug shows where)`;
  if (error.code === 'ABORTED') return 'tubelet: stopped; nothing was written';
  const message = error.message.replace(
    /^\[(?:generate|writeVideo|device)\] (\w+)/,
    (whole, name: string) => optionNames[name] ?? whole,
  );
  return `tubelet: ${message}`;
}
