import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { modelDirectory } from '@tubelet/model-sprites';
import { packWan, parseWanConfig, wanTransformer } from '@tubelet/models';
import { compile, type Device, openDevice, openWeights, type Precision } from '@tubelet/runtime';
import { type BoundPlan, bindPlan } from './bound-plan.js';
import { type Ceiling, ceilingNote, ceilingPercent, measureCeiling } from './ceiling.js';
import { ditFiles } from './dit-files.js';
import { openDit } from './dit-run.js';
import type { Options } from './options.js';
import { randomTensor } from './random-weights.js';
import { type Measured, ownRow, type Row } from './report.js';
import { median } from './statistics.js';
import { openDecoder } from './vae.js';
import { openPictureDecoder, pictureDecoder, pictureDecoders } from './vae-files.js';

interface NodeMedian {
  readonly name: string;
  readonly op: string;
  readonly kernel: string;
  readonly milliseconds: number;
  readonly flops: number;
}

const shownNodes = 20;

/** Where the time of a plan goes: by op, and the nodes that take most. */
export async function benchProfile(options: Options): Promise<Measured> {
  const { threads, precisions, rounds, words } = options;
  const ceiling = measureCeiling(threads);
  const rows: Row[] = [];
  const notes = [ceilingNote, `medians of ${rounds} runs`];
  using device = openDevice({ threads });
  for (const precision of precisions) {
    for (const [name, open] of plansOf(device, options, words[0] ?? 'dit', precision)) {
      const bound = await open();
      const nodes = await medianTimes(bound, rounds);
      bound.dispose();
      rows.push(...profileRows(`${name}`, precision, nodes, ceiling));
    }
  }
  return { isa: device.isa, threads, rows, notes };
}

type NamedPlan = readonly [name: string, open: () => Promise<BoundPlan>];

function plansOf(
  device: Device,
  { models, images: [images], pixels: [pixels] }: Options,
  plan: string,
  precision: Precision,
): NamedPlan[] {
  if (plan === 'dit') {
    return models.map((model) => [
      model,
      () => {
        const { weights, config } = ditFiles(model, { images, pixels });
        return openDit(device, weights, config, { images, precision });
      },
    ]);
  }
  if (plan === 'decoder') {
    return [['decoder', () => openDecoder(device, 'steady', { pixels: 64, precision })]];
  }
  if (plan === 'transformer') return [['transformer', () => openTransformer(device, precision)]];
  const name = pictureDecoders.find((name) => name === plan);
  if (name) return [[name, () => openPictureDecoder(device, pictureDecoder(name), precision)]];
  const known = ['dit', 'transformer', 'decoder', ...pictureDecoders].join(', ');
  throw new Error(`profile: the plan must be = ${known}, got ${plan}`);
}

/** The transformer that ships, on both branches of its default video, texts of 45 tokens. */
export async function openTransformer(device: Device, precision: Precision): Promise<BoundPlan> {
  const folder = join(modelDirectory, 'transformer');
  const config = parseWanConfig(JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')));
  const clip = { frames: 5, height: 16, width: 16, textTokens: 45, rows: 1, rowOf: [0] };
  const { sizes, inputs } = packWan(config, [clip, clip]);
  const weights = await openWeights(folder);
  const plan = await compile(device, wanTransformer(config), weights, sizes, { precision });
  const given = {
    ...inputs,
    latents: randomTensor('latents', [sizes.elements]),
    text: randomTensor('text', [sizes.textTokens, config.textDim]),
    timestep: new Float32Array(sizes.rows).fill(500),
  };
  return bindPlan(device, plan, given, sizes);
}

async function medianTimes(bound: BoundPlan, rounds: number): Promise<NodeMedian[]> {
  await bound.run();
  const runs: Awaited<ReturnType<BoundPlan['profile']>>[] = [];
  for (let i = 0; i < rounds; i++) runs.push(await bound.profile());
  return bound.plan.explain().nodes.map(({ name, op, kernel, flops }, i) => {
    const milliseconds = median(runs.map((times) => times[i].milliseconds));
    return { name, op, kernel: kernel ?? 'view', milliseconds, flops };
  });
}

function profileRows(
  plan: string,
  dtype: string,
  nodes: readonly NodeMedian[],
  ceiling: Ceiling,
): Row[] {
  const total = sum(nodes, 'milliseconds');
  const row = (work: string, part: readonly NodeMedian[], details: Record<string, string>) => {
    const milliseconds = sum(part, 'milliseconds');
    const flops = sum(part, 'flops');
    return ownRow(`${plan} ${work}`, dtype, milliseconds, {
      ceilingPercent:
        milliseconds > 0 ? ceilingPercent(ceiling, { flops, milliseconds, dtype }) : null,
      details: { '% of time': (100 * milliseconds) / total, ...details },
    });
  };
  const byOp = [...new Set(nodes.map(({ op }) => op))]
    .map((op) => nodes.filter((node) => node.op === op))
    .toSorted((a, b) => sum(b, 'milliseconds') - sum(a, 'milliseconds'));
  const slowest = nodes.toSorted((a, b) => b.milliseconds - a.milliseconds).slice(0, shownNodes);
  return [
    row('whole plan', nodes, { kernel: `${nodes.length} nodes` }),
    ...byOp.map((part) => row(`op ${part[0].op}`, part, { kernel: kernelsOf(part) })),
    ...slowest.map((node) => row(node.name, [node], { kernel: node.kernel })),
  ];
}

function kernelsOf(nodes: readonly NodeMedian[]): string {
  const kernels = [...new Set(nodes.map(({ kernel }) => kernel))];
  return kernels
    .map((kernel) => `${nodes.filter((node) => node.kernel === kernel).length} x ${kernel}`)
    .join(', ');
}

function sum(nodes: readonly NodeMedian[], of: 'milliseconds' | 'flops'): number {
  return nodes.reduce((total, node) => total + node[of], 0);
}
