import { type DitConfig, dit, ditPreset, packDit } from '@tubelet/models';
import { compile, type Device, openDevice, type Precision } from '@tubelet/runtime';
import { type BoundPlan, bindPlan } from './bound-plan.js';
import { ceilingNote, ceilingPercent, measureCeiling } from './ceiling.js';
import { ditInputs } from './dit-run.js';
import type { Options } from './options.js';
import { randomWeightsOf } from './random-weights.js';
import { type Measured, ownRow, type Row } from './report.js';
import { median } from './statistics.js';

/** Sides of the token grids: a DiT's picture is square, so that 181² stands for 32,768 tokens. */
const sides = [16, 32, 64, 91, 128, 181];

/** One block of DiT-B from 256 to 32,761 tokens of one picture: the cost of a token, the bytes planned. */
export async function benchScaling({ threads, precisions, seconds }: Options): Promise<Measured> {
  const ceiling = measureCeiling(threads);
  const rows: Row[] = [];
  const notes = [
    ceilingNote,
    'times are those of the block alone, without embedding and head; bytes are those of the whole plan',
  ];
  using device = openDevice({ threads });
  for (const precision of precisions) {
    let flopsPerMs = Number.POSITIVE_INFINITY;
    for (const side of sides) {
      const config: DitConfig = { ...ditPreset('DiT-B/2', 2 * side), depth: 1 };
      const bound = await openOneBlock(device, config, precision);
      const tokens = side * side;
      const flops = blockOf(bound).reduce((sum, { flops }) => sum + flops, 0);
      const expected = flops / flopsPerMs;
      const isTooLong = expected > seconds * 1000;
      const milliseconds = isTooLong ? null : await timeBlock(bound, expected);
      if (milliseconds === null) {
        notes.push(
          `${tokens} tokens ${precision}: left out, about ${Math.round(expected / 1000)} s a run (--seconds ${seconds})`,
        );
      } else flopsPerMs = flops / milliseconds;
      const { arenaBytes, packedBytes } = bound.plan;
      rows.push(
        ownRow(`block of DiT-B, ${tokens} tokens`, precision, milliseconds, {
          ceilingPercent:
            milliseconds === null
              ? null
              : ceilingPercent(ceiling, { flops, milliseconds, dtype: precision }),
          details: {
            ...(milliseconds !== null && { 'µs a token': (1000 * milliseconds) / tokens }),
            'kFLOP a token': flops / tokens / 1000,
            'arena MB': arenaBytes / 1e6,
            'packed MB': packedBytes / 1e6,
          },
        }),
      );
      bound.dispose();
    }
  }
  return { isa: device.isa, threads, rows, notes };
}

async function openOneBlock(device: Device, config: DitConfig, precision: Precision) {
  const graph = dit(config);
  const { sizes, inputs } = packDit(config, 1);
  const plan = await compile(device, graph, randomWeightsOf(graph), sizes, { precision });
  const { latents, timestep, label } = ditInputs(config, 1);
  return bindPlan(device, plan, { ...inputs, latents, timestep, label }, sizes);
}

const isOfBlock = ({ name }: { readonly name: string }) => name.startsWith('blocks.0.');

function blockOf({ plan }: BoundPlan) {
  return plan.explain().nodes.filter(isOfBlock);
}

async function timeBlock(bound: BoundPlan, expected: number): Promise<number> {
  // A long run needs neither warming nor repeating.
  const runs = expected > 2000 && Number.isFinite(expected) ? 1 : 5;
  if (runs > 1) await bound.run();
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    const nodes = (await bound.profile()).filter(isOfBlock);
    times.push(nodes.reduce((sum, { milliseconds }) => sum + milliseconds, 0));
  }
  return median(times);
}
