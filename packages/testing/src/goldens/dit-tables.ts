import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type GaussianTables, gaussianDiffusion, gaussianTables } from '@tubelet/diffusion';
import { graph, timestepEmbedding } from '@tubelet/graph';
import { sinCosPositions } from '@tubelet/models';
import type { RunGraph } from '../run-graph.js';
import { readSafetensorsFixture } from '../safetensors-fixture.js';
import {
  type Closeness,
  type Comparison,
  compare,
  type GoldenNotes,
  worstOf,
} from './closeness.js';
import { tensorOf } from './model-case.js';

type Tensors = Awaited<ReturnType<typeof readSafetensorsFixture>>;

interface TablesConfig {
  readonly respacings: Readonly<
    Record<string, { timestep_respacing: string; noise_schedule?: 'squaredcos_cap_v2' }>
  >;
  readonly pos_embed: Readonly<Record<string, { embed_dim: number; grid_size: number }>>;
  readonly timestep_embedding_dims: readonly number[];
  readonly golden: GoldenNotes;
}

/** The original's names of {@link GaussianTables}. */
const tableNames: Readonly<Record<string, keyof GaussianTables>> = {
  timestep_map: 'timestepMap',
  betas: 'betas',
  alphas_cumprod: 'alphasCumprod',
  posterior_variance: 'posteriorVariance',
  posterior_log_variance_clipped: 'posteriorLogVarianceClipped',
  posterior_mean_coef1: 'posteriorMeanCoef1',
  posterior_mean_coef2: 'posteriorMeanCoef2',
};

/** Runs goldens/dit/tables: the sampler's tables to 1e-12, positions, timestep features and q_sample. */
export async function checkDitTables(directory: string, run: RunGraph): Promise<Closeness> {
  const config: TablesConfig = JSON.parse(await readFile(join(directory, 'config.json'), 'utf8'));
  const io = await readSafetensorsFixture(join(directory, 'io.safetensors'));
  return worstOf([
    ...samplerTables(config, io),
    ...positionTables(config, io),
    ...(await timestepTables(config, io, run)),
    noisedSample(config, io),
  ]);
}

function samplerTables({ respacings, golden }: TablesConfig, io: Tensors): Comparison[] {
  return Object.entries(respacings).flatMap(([label, options]) => {
    const noise = options.noise_schedule ? { noiseSchedule: options.noise_schedule } : {};
    const tables = gaussianTables({ respacing: options.timestep_respacing, ...noise });
    return Object.entries(tableNames).map(([theirs, ours]) => {
      const name = `${label}.${theirs}`;
      const compared = compare(golden, name, tables[ours], tensorOf(io, name));
      return { ...compared, tolerance: 1e-6 * compared.tolerance }; // 1e-12 of the largest value
    });
  });
}

function positionTables({ pos_embed, golden }: TablesConfig, io: Tensors): Comparison[] {
  return Object.entries(pos_embed).map(([label, { embed_dim, grid_size }]) => {
    const name = `pos_embed.${label}`;
    const table = sinCosPositions(embed_dim, grid_size, grid_size);
    return compare(golden, name, table, tensorOf(io, name));
  });
}

async function timestepTables(
  { timestep_embedding_dims, golden }: TablesConfig,
  io: Tensors,
  run: RunGraph,
): Promise<Comparison[]> {
  const timestep = tensorOf(io, 'timestep_embedding.t').values;
  const sizes = { rows: timestep.length };
  return Promise.all(
    timestep_embedding_dims.map(async (dim) => {
      const features = graph('timestep', (g) => {
        g.output('y', timestepEmbedding(g.input('timestep', [g.symbol('rows')]), { dim }));
      });
      const outputs = await run(features, new Map(), { timestep }, sizes);
      const name = `timestep_embedding.dim${dim}`;
      const reference = tensorOf(io, name);
      // The golden states no loss: it is what its float32 differs from double.
      const exact = Array.from(timestep, (t) => doubleFeatures(t, dim)).flat();
      const loss = compare(golden, name, exact, reference).error;
      const compared = compare(golden, name, outputs.get('y')!, reference);
      return { ...compared, tolerance: Math.max(10 * loss, compared.tolerance) };
    }),
  );
}

function doubleFeatures(timestep: number, dim: number): number[] {
  const half = Math.floor(dim / 2);
  const angles = Array.from({ length: half }, (_, i) => timestep * 10_000 ** (-i / half));
  return [...angles.map(Math.cos), ...angles.map(Math.sin), ...Array(dim % 2).fill(0)];
}

/** Data and noise mixed at timesteps of the whole process. */
function noisedSample({ golden }: TablesConfig, io: Tensors): Comparison {
  const { steps } = gaussianDiffusion().schedule({});
  const [start, noise, t] = ['x_start', 'noise', 't'].map(
    (name) => tensorOf(io, `q_sample.${name}`).values,
  );
  const size = start.length / t.length;
  const mixed = start.map((value, i) => {
    const { addNoise } = steps[steps.length - 1 - t[Math.floor(i / size)]];
    return addNoise.sample * value + addNoise.noise * noise[i];
  });
  return compare(golden, 'q_sample.output', mixed, tensorOf(io, 'q_sample.output'));
}
