import type { Command } from 'commander';
import { type ComponentInfo, type MemoryInfo, type ModelInfo, modelInfo } from 'tubelet';
import type { Terminal } from './terminal.js';

export function addInfoCommand(program: Command, { output }: Terminal): void {
  program
    .command('info')
    .description('say what a model is, its parameters and memory, and whether it runs here')
    .argument('<path>', 'a diffusers folder, the folder of one model, or a file of weights')
    .helpOption('--help', 'print this help')
    .option('--json', 'print one JSON object')
    .option('--debug', 'print errors whole')
    .action(async (path: string, { json }: { json?: boolean }) => {
      const info = await modelInfo(path);
      output.write(json ? `${JSON.stringify(info, null, 2)}\n` : describe(info));
    });
}

function describe(info: ModelInfo): string {
  const { path, kind, className, components, parameters, memory, defaults, problems } = info;
  const lines = [`${className ?? 'of no known class'}, ${kindNames[kind]} (${path})`];
  const rows = components.map(rowOf);
  const total = ['total', '', count(parameters), amount(memory.stored), ''];
  const table = kind === 'pipeline' ? [...rows, total] : rows;
  const widths = table[0]?.map((_, i) => Math.max(...table.map((row) => row[i]!.length))) ?? [];
  for (const row of table)
    lines.push(`  ${row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')}`.trimEnd());
  if (parameters > 0) lines.push(`weights in memory: ${memoryOf(memory)}`);
  if (defaults) {
    const { width, height, numFrames, steps, guidanceScale } = defaults;
    const frames = numFrames === 1 ? 'an image' : `${numFrames} frames`;
    lines.push(
      `makes ${frames} of ${width}x${height} in ${steps} steps, guidance ${guidanceScale}`,
    );
  }
  if (problems.length === 0) lines.push('runs here');
  else lines.push('does not run here:', ...problems.map((problem) => `  ${problem}`));
  return `${lines.join('\n')}\n`;
}

const kindNames: Readonly<Record<ModelInfo['kind'], string>> = {
  pipeline: 'a pipeline',
  model: 'one model',
  weights: 'a file of weights',
};

function rowOf({ name, className, parameters, stored, memory, config }: ComponentInfo): string[] {
  const dtypes = Object.keys(stored).join(', ');
  const files =
    parameters === 0 ? ['', ''] : [count(parameters), `${amount(memory.stored)} ${dtypes}`];
  return [name, className ?? '', ...files, parameters === 0 ? '' : sizes(config ?? {})];
}

/** Options that say how large a model is. */
function sizes(config: Readonly<Record<string, unknown>>): string {
  const telling =
    /(^|_)(num_.*layers|layers|heads|head_dim|d_model|hidden_size|patch_size|in_channels|latent_channels|z_dim|sample_size)$/;
  return Object.entries(config)
    .filter(([name, value]) => telling.test(name) && typeof value === 'number')
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

function memoryOf({ f32, bf16, int8 }: MemoryInfo): string {
  return `f32 ${amount(f32)}, bf16 ${amount(bf16)}, int8 ${amount(int8)}`;
}

function count(parameters: number): string {
  return `${scaled(parameters, ['', ' k', ' M', ' B'])} parameters`;
}

function amount(bytes: number): string {
  return scaled(bytes, [' bytes', ' kB', ' MB', ' GB']);
}

/** Three digits: 9.16 M. */
function scaled(value: number, units: readonly string[]): string {
  const step = Math.min(Math.floor(Math.log10(Math.max(value, 1)) / 3), units.length - 1);
  const shown = value / 1000 ** step;
  return `${step === 0 ? shown : Number(shown.toPrecision(3))}${units[step]}`;
}
