import { type Device, fastestPrecision, type Precision } from '@tubelet/runtime';
import { TubeletError } from '../errors.js';

/** A precision for all of a pipeline, or for each of its parts. */
export type DTypes =
  | Precision
  | {
      readonly textEncoder?: Precision;
      readonly imageEncoder?: Precision;
      readonly transformer?: Precision;
      readonly vae?: Precision;
    };

const precisions: readonly unknown[] = ['f32', 'bf16', 'int8'] satisfies Precision[];
const components = ['textEncoder', 'imageEncoder', 'transformer', 'vae'] as const;

/**
 * Parts that are not named get what the device is fastest at.
 *
 * @throws TubeletError BAD_INPUT naming the part
 */
export function readDTypes(
  dtype: DTypes = {},
  device: Pick<Device, 'isa'>,
): Record<(typeof components)[number], Precision> {
  const given = typeof dtype === 'string' ? {} : dtype;
  const fastest = fastestPrecision(device);
  const unknown = Object.keys(given).find((name) => !components.some((known) => known === name));
  if (unknown !== undefined) throw bad('parts of dtype', components.join(', '), unknown);
  const [textEncoder, imageEncoder, transformer, vae] = components.map((name): Precision => {
    const value = typeof dtype === 'string' ? dtype : (given[name] ?? fastest);
    if (!precisions.includes(value)) throw bad(`dtype of ${name}`, precisions.join(', '), value);
    return value;
  });
  return {
    textEncoder: textEncoder!,
    imageEncoder: imageEncoder!,
    transformer: transformer!,
    vae: vae!,
  };
}

function bad(what: string, expected: string, got: unknown): TubeletError {
  return new TubeletError('BAD_INPUT', 'model', `${what} must be = ${expected}, got ${got}`);
}
