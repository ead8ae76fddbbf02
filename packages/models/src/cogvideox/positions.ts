import type { ClipSize } from '../packing.js';
import { evenSteps, sinCosLine, sinCosPositions } from '../positions.js';
import type { CogvideoxConfig } from './config.js';

const theta = 10_000;
const f = Math.fround;

/**
 * The positions of 2B: sines and cosines of the frame in the first quarter of the width, of column and row in the rest
 * (diffusers 0.42.1 embeddings.py, get_3d_sincos_pos_embed).
 *
 * @param grid the clip in tokens
 * @returns [tokens, hiddenSize]
 */
export function computedPositions(config: CogvideoxConfig, grid: ClipSize): Float32Array {
  const { hiddenSize: D, spatialScale, temporalScale } = config;
  const quarter = D / 4;
  const inTime = sinCosLine(quarter, grid.frames, temporalScale);
  const space = { interpolationScale: spatialScale };
  const inSpace = sinCosPositions(3 * quarter, grid.height, grid.width, space);
  const area = grid.height * grid.width;
  const out = new Float32Array(grid.frames * area * D);
  for (let token = 0; token < grid.frames * area; token++) {
    const [t, s] = [Math.floor(token / area), token % area];
    out.set(inTime.subarray(t * quarter, (t + 1) * quarter), token * D);
    out.set(inSpace.subarray(s * 3 * quarter, (s + 1) * 3 * quarter), token * D + quarter);
  }
  return out;
}

/**
 * Cosines and sines of a clip's rotary positions: a quarter of a head turns by the frame, three eighths each by row and
 * column. 1.0 spreads rows and columns over the trained size, which keeps the clip's aspect; 1.5 counts them. Positions,
 * frequencies and angles are float32, as in diffusers 0.42.1 (get_3d_rotary_pos_embed and the pipeline's tables).
 *
 * @param grid the clip in tokens
 * @returns each [tokens, headDim / 2]
 */
export function rotaryPositions(config: CogvideoxConfig, grid: ClipSize) {
  const { headDim } = config;
  const counted = { height: count(grid.height), width: count(grid.width) };
  const { height, width } = config.patchSizeT === null ? spread(config, grid) : counted;
  const eighth = headDim / 8;
  const axes = [
    { places: count(grid.frames), dim: 2 * eighth },
    { places: height, dim: 3 * eighth },
    { places: width, dim: 3 * eighth },
  ];
  const pairs = headDim / 2;
  const area = grid.height * grid.width;
  const tokens = grid.frames * area;
  const cos = new Float32Array(tokens * pairs);
  const sin = new Float32Array(tokens * pairs);
  for (let token = 0; token < tokens; token++) {
    const at = [Math.floor(token / area), Math.floor(token / grid.width) % grid.height];
    const place = [...at, token % grid.width];
    let column = token * pairs;
    axes.forEach(({ places, dim }, axis) => {
      for (let i = 0; i < dim / 2; i++) {
        const frequency = f(1 / f(theta ** f((2 * i) / dim)));
        const angle = f(places[place[axis]] * frequency);
        cos[column] = Math.cos(angle);
        sin[column++] = Math.sin(angle);
      }
    });
  }
  return { cos, sin };
}

function count(size: number): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => i);
}

/** The part of the trained grid that has the clip's aspect and lies in its middle, in as many steps as the clip has tokens. */
function spread({ trained, patchSize: p }: CogvideoxConfig, { height, width }: ClipSize) {
  const [h, w] = [Math.floor(trained.height / p), Math.floor(trained.width / p)];
  const isTall = height / width > h / w;
  const rows = isTall ? h : roundToEven((w / width) * height);
  const columns = isTall ? roundToEven((h / height) * width) : w;
  const [top, left] = [roundToEven((h - rows) / 2), roundToEven((w - columns) / 2)];
  return { height: steps(top, top + rows, height), width: steps(left, left + columns, width) };
}

/** `count` places from `start`, the last a step before `stop`. */
function steps(start: number, stop: number, count: number): Float32Array {
  return evenSteps(start, f((stop * (count - 1)) / count), count);
}

/** Python's round: halves go to the even number. */
function roundToEven(x: number): number {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}
