import { readFileSync } from 'node:fs';
import { modelDirectory } from '@tubelet/model-sprites';
import { Command, CommanderError } from 'commander';
import { type GenerationDefaults, generationDefaults } from 'tubelet';
import { addClassifyCommand } from './classify-command.js';
import { addDevicesCommand } from './devices.js';
import { describeFailure } from './failure.js';
import { addGenerateCommand } from './generate-command.js';
import { addInfoCommand } from './info-command.js';
import type { Terminal } from './terminal.js';

const { version }: { version: string } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
);

/** Wrong use of the command line, as against a failure. */
const usageCode = 2;

/** Runs the command line `args`; answers the exit code: 0, 1 for a failure, 2 for wrong use. Never throws. */
export async function runCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    const program = createProgram(terminal, await generationDefaults(modelDirectory));
    await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usageCode;
    terminal.errors.write(`${describeFailure(error, args.includes('--debug'))}\n`);
    return 1;
  }
}

function createProgram(terminal: Terminal, defaults: GenerationDefaults): Command {
  const { output, errors } = terminal;
  const program = new Command('tubelet')
    .description('Videos from text and images, made on this machine by Diffusion Transformers.')
    .version(version, '--version', 'print the version')
    .helpOption('--help', 'print this help')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => output.write(text),
      writeErr: (text) => errors.write(text),
      getOutHelpWidth: () => output.columns || 100,
      getErrHelpWidth: () => errors.columns || 100,
      outputError: (text, write) => write(text.replace(/^error: /, 'tubelet: ')),
    })
    .addHelpText('after', '\nOptions of a command: tubelet generate --help');
  addGenerateCommand(program, { terminal, defaults, version });
  addClassifyCommand(program, terminal);
  addInfoCommand(program, terminal);
  addDevicesCommand(program, terminal);
  return program;
}
