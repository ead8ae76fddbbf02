import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Classification, loadClassifier } from 'tubelet';
import type { Terminal } from './terminal.js';

interface Typed {
  readonly model: string;
  readonly top?: number;
  readonly threads?: number;
  readonly dtype?: 'f32' | 'bf16' | 'int8';
  readonly json?: boolean;
}

export function addClassifyCommand(program: Command, { output, signal }: Terminal): void {
  program
    .command('classify')
    .description('say what is to be seen in a clip, by a ViViT, or in an image, by a ViT')
    .argument('<clip>', 'an mp4 (by the ffmpeg on PATH), a gif, a webp or an image')
    .requiredOption('--model <folder>', "a classifier in transformers' form, or a ViViT of scenic")
    .option('--top <n>', 'how many classes to tell (default: 5)', parseCount)
    .addOption(
      new Option(
        '--dtype <name>',
        'arithmetic of matrix products (default: the fastest here)',
      ).choices(['f32', 'bf16', 'int8']),
    )
    .option('--threads <n>', 'of the processor (default: all)', parseCount)
    .option('--json', 'print one JSON array')
    .option('--debug', 'print errors whole')
    .helpOption('--help', 'print this help')
    .action(async (clip: string, { model, top, threads, dtype, json }: Typed) => {
      await using classifier = await loadClassifier(model, { threads, dtype });
      const found = await classifier.classify(clip, { top, signal });
      output.write(json ? `${JSON.stringify(found, null, 2)}\n` : found.map(line).join(''));
    });
}

function line({ label, score }: Classification): string {
  return `${score.toFixed(3)}  ${label}\n`;
}

function parseCount(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1)
    throw new InvalidArgumentError('It must be a whole number from 1.');
  return value;
}
