import {
  type Assignment,
  classifierFree,
  denoise,
  execute,
  type Guidance,
  gaussianDiffusion,
} from '@tubelet/diffusion';
import { type DitConfig, dit, packDit, parseDitConfig } from '@tubelet/models';
import { doubleArithmetic } from '../double-arithmetic.js';
import { joined } from '../joined.js';
import type { RunGraph } from '../run-graph.js';
import { type Closeness, type Comparison, compare, worstOf } from './closeness.js';
import { type ModelCase, tensorOf } from './model-case.js';

/** One course of a sampling case, as its config says. */
interface Course {
  readonly kind: 'p' | 'ddim';
  readonly scale: number;
  readonly eta?: number;
  readonly form?: 'all channels';
  readonly clip?: boolean;
}

/** The released sampler guides the first three channels only. */
const releasedChannels = { channels: 3 };

/** The latents of half a batch: the original runs it twice, with labels and without. */
function halfOf(values: Float64Array): Float64Array {
  return values.slice(0, values.length / 2);
}

/**
 * A model with both halves in one run: predictions and variances, label half first. The graph is built once.
 */
function halves({ weights, io }: ModelCase, config: DitConfig, run: RunGraph) {
  const graph = dit(config);
  const label = tensorOf(io, 'input.y').values;
  const { sizes, inputs } = packDit(config, label.length);
  return async (half: Float64Array, timestep: Float64Array) => {
    const data = { ...inputs, latents: joined([half, half]), timestep, label };
    const prediction = (await run(graph, weights, data, sizes)).get('prediction')!;
    return [0, 1].map((part) => splitChannels(prediction, part, label.length / 2, config));
  };
}

function splitChannels(
  values: ArrayLike<number>,
  part: number,
  images: number,
  { inputSize, inChannels, outChannels }: DitConfig,
) {
  const size = inputSize ** 2;
  const take = (from: number, channels: number) =>
    joined(
      Array.from({ length: images }, (_, i) => {
        const start = ((part * images + i) * outChannels + from) * size;
        return Array.from({ length: channels * size }, (_, at) => values[start + at]);
      }),
    );
  return { prediction: take(0, inChannels), variance: take(inChannels, outChannels - inChannels) };
}

/** goldens/dit/cfg: forward_with_cfg, three channels and all. */
export async function checkDitGuidance(golden: ModelCase, run: RunGraph): Promise<Closeness> {
  const config = parseDitConfig(golden.config);
  const timestep = tensorOf(golden.io, 'input.t').values;
  const model = halves(golden, config, run);
  const [guided, free] = await model(halfOf(tensorOf(golden.io, 'input.x').values), timestep);
  const images = timestep.length / 2;
  const comparisons: Comparison[] = [];
  for (const [name, reference] of golden.io) {
    const [, form, scale] = /^output\.cfg_(\w+)_channels_([\d.]+)$/.exec(name) ?? [];
    if (!form) continue;
    const channels = form === 'three' ? releasedChannels : {};
    const guidance = classifierFree({ scale: Number(scale), ...channels });
    const combine = async (rest: Float64Array) => {
      const registers = new Map([
        ['conditional', guided.prediction],
        ['unconditional', free.prediction],
        ['rest', rest],
      ]);
      const arithmetic = doubleArithmetic(
        { samples: images, channels: config.inChannels },
        () => rest,
      );
      await execute(guidedBy(guidance), registers, arithmetic);
      return registers.get('prediction')!;
    };
    for (const [part, own] of [guided, free].entries()) {
      const half = splitChannels(reference.values, part, images, config);
      const expect = (what: 'prediction' | 'variance', got: Float64Array) => {
        const values = half[what];
        return compare(golden.notes, name, got, { shape: [values.length], values });
      };
      comparisons.push(
        expect('prediction', await combine(own.prediction)),
        expect('variance', own.variance),
      );
    }
  }
  return worstOf(comparisons);
}

/** The assignments of a guided step; unguided channels come from the register `rest`, which the second half has of its own. */
function guidedBy(guidance: Guidance): Assignment[] {
  const schedule = gaussianDiffusion().schedule({ steps: 2 });
  return guidance(0, schedule).assignments.map((assignment) =>
    assignment.kind === 'combine-channels' ? { ...assignment, rest: 'rest' } : assignment,
  );
}

/** goldens/dit/sample-*: x after every step the golden has. Only the first half of the original's x is ever read. */
export async function checkDitSampling(golden: ModelCase, run: RunGraph): Promise<Closeness> {
  const { sampling, ...rest } = golden.config;
  const { respacing, runs } = sampling as { respacing: string; runs: Record<string, Course> };
  const model = halves(golden, parseDitConfig(rest), run);
  const comparisons: Comparison[] = [];
  for (const [name, course] of Object.entries(runs)) {
    comparisons.push(...(await checkCourse(golden, `output.${name}`, course, respacing, model)));
  }
  return worstOf(comparisons);
}

async function checkCourse(
  { io, notes, config }: ModelCase,
  prefix: string,
  course: Course,
  respacing: string,
  model: ReturnType<typeof halves>,
): Promise<Comparison[]> {
  const start = tensorOf(io, 'input.z');
  const noise = tensorOf(io, 'input.noise').values;
  const size = start.values.length;
  const [batch, channels] = start.shape as [number, number];
  const comparisons: Comparison[] = [];
  const check = (name: string, got: Float64Array, reference: Float64Array) => {
    const values = halfOf(reference);
    comparisons.push(compare(notes, name, got, { shape: [values.length], values }));
  };
  const after = io.get(`${prefix}.x_after_step`);
  const sample = await denoise({
    schedule: gaussianDiffusion({
      timestep_respacing: respacing,
      sampler: course.kind === 'ddim' ? 'ddim' : 'ddpm',
      clip_denoised: course.clip === true,
      learn_sigma: config.learn_sigma,
    }).schedule(course.eta === undefined ? {} : { eta: course.eta }),
    guidance: classifierFree({
      scale: course.scale,
      ...(course.form === 'all channels' ? {} : releasedChannels),
    }),
    arithmetic: doubleArithmetic({ samples: batch / 2, channels }, (index) =>
      halfOf(noise.subarray(index * size, (index + 1) * size)),
    ),
    registers: new Map([['sample', halfOf(start.values)]]),
    predict: ({ input, timestep }) => model(input, new Float64Array(batch).fill(timestep)),
    onStep({ index, registers }) {
      const name = `${prefix}.x_after_step`;
      const x = registers.get('sample')!;
      if (after) check(name, x, after.values.subarray(index * size, (index + 1) * size));
      const one = io.get(`${name}_${index + 1}`);
      if (one) check(`${name}_${index + 1}`, x, one.values);
    },
  });
  check(`${prefix}.sample`, sample, tensorOf(io, `${prefix}.sample`).values);
  return comparisons;
}
