// npm run sizes [-- --page FILE]: the published models at full size, counted and planned; no weight is read.
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Device, openDevice, previewPlan } from '@tubelet/runtime';
import { markdownTable, replaceSection } from '../markdown-table.js';
import { countFlops } from './count-flops.js';
import { countParameters } from './count-parameters.js';
import { type PublishedModel, publishedModels } from './models.js';

const columns = [
  'model',
  'parameters',
  'published',
  'one forward of',
  'tokens',
  'TFLOP',
  'weights f32',
  'bf16, f16',
  'int8',
  'arena',
];

async function rowOf(device: Device, model: PublishedModel): Promise<string[]> {
  const { graph, sizes, inputs } = model.build();
  const parameters = countParameters(graph);
  const explanation = await previewPlan(device, graph, sizes);
  const tera = countFlops(graph, explanation, inputs) / 1e12;
  return [
    model.name,
    parameters.toLocaleString('en-US'),
    published(model),
    model.size,
    `${sizes.joint ?? sizes.tokens ?? ''}`,
    tera < 100 ? tera.toPrecision(3) : tera.toFixed(0),
    ...[4 * parameters, 2 * parameters, parameters, explanation.arenaBytes].map(bytesText),
  ];
}

function published({ parameters, isRounded, withoutEffect }: PublishedModel): string {
  if (parameters === undefined) return 'not found';
  if (isRounded) return `${parameters / 1e9} billion`;
  const more = withoutEffect ? `, ${withoutEffect.toLocaleString('en-US')} without effect` : '';
  return parameters.toLocaleString('en-US') + more;
}

function bytesText(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toPrecision(3)} MB` : `${(bytes / 1e9).toPrecision(3)} GB`;
}

const { values } = parseArgs({ options: { page: { type: 'string' } } });
const device = openDevice();
const rows: string[][] = [];
for (const model of publishedModels) rows.push(await rowOf(device, model));
device.dispose();
const table = markdownTable(columns, rows);
console.log(table);
if (values.page !== undefined) {
  const page = readFileSync(values.page, 'utf8');
  writeFileSync(values.page, replaceSection(page, 'sizes', table));
}
