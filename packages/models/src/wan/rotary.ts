import { TubeletError } from '@tubelet/graph';
import type { ClipSize } from '../packing.js';
import type { WanConfig } from './config.js';

/** What queries and keys are turned by. */
export interface RotaryTables {
  /** [tokens, headDim / 2] */
  readonly cos: Float32Array;
  /** [tokens, headDim / 2] */
  readonly sin: Float32Array;
}

const theta = 10_000;

/** A clip's size in tokens; refuses sizes that are no multiple of the patch or too long for the tables. */
export function wanGrid(config: WanConfig, size: ClipSize): ClipSize {
  const along = (axis: keyof ClipSize, patch: number) => {
    const grid = size[axis] / patch;
    if (Number.isInteger(grid) && grid >= 1 && grid <= config.ropeMaxSeqLen) return grid;
    const expected = `a multiple of ${patch} up to ${patch * config.ropeMaxSeqLen}`;
    throw new TubeletError(
      'BAD_INPUT',
      'wan',
      `latent ${axis} must be = ${expected}, got ${size[axis]}`,
    );
  };
  const [t, h, w] = config.patchSize;
  return { frames: along('frames', t), height: along('height', h), width: along('width', w) };
}

/**
 * Cosines and sines of a clip's 3D rotary positions, tokens in the order t, h, w. The head's pairs are divided
 * among the axes: height and width get headDim / 6 (rounded down) each, time comes first and has the rest. Angles are
 * taken in double precision and rounded to float32, as WanRotaryPosEmbed (diffusers 0.42.1) does.
 */
export function rotaryTables(config: WanConfig, size: ClipSize): RotaryTables {
  const grid = wanGrid(config, size);
  const side = Math.floor(config.headDim / 6);
  const axes = [
    { pairs: config.headDim / 2 - 2 * side, length: grid.frames },
    { pairs: side, length: grid.height },
    { pairs: side, length: grid.width },
  ].map(({ pairs, length }) => ({
    pairs,
    cos: table(Math.cos, pairs, length),
    sin: table(Math.sin, pairs, length),
  }));

  const width = config.headDim / 2;
  const tokens = grid.frames * grid.height * grid.width;
  const tables = { cos: new Float32Array(tokens * width), sin: new Float32Array(tokens * width) };
  for (let token = 0; token < tokens; token++) {
    const position = [
      Math.floor(token / (grid.height * grid.width)),
      Math.floor(token / grid.width) % grid.height,
      token % grid.width,
    ];
    let column = token * width;
    axes.forEach(({ pairs, cos, sin }, axis) => {
      const row = position[axis] * pairs;
      tables.cos.set(cos.subarray(row, row + pairs), column);
      tables.sin.set(sin.subarray(row, row + pairs), column);
      column += pairs;
    });
  }
  return tables;
}

/** [length, pairs] */
function table(f: (angle: number) => number, pairs: number, length: number): Float32Array {
  const values = new Float32Array(length * pairs);
  for (let position = 0; position < length; position++) {
    for (let i = 0; i < pairs; i++) {
      values[position * pairs + i] = f(position / theta ** (i / pairs));
    }
  }
  return values;
}
