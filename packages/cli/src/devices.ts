import type { Command } from 'commander';
import { type DeviceDescription, devices } from 'tubelet';
import type { Terminal } from './terminal.js';

export function addDevicesCommand(program: Command, { output }: Terminal): void {
  program
    .command('devices')
    .description('say what this machine has, and why the rest cannot be used')
    .helpOption('--help', 'print this help')
    .option('--json', 'print one JSON array')
    .option('--debug', 'print errors whole')
    .action(({ json }: { json?: boolean }) => {
      const found = devices();
      output.write(json ? `${JSON.stringify(found, null, 2)}\n` : found.map(describe).join('\n'));
    });
}

function describe({ kind, available, reason, threads, levels, extensions }: DeviceDescription) {
  const count = threads === undefined ? '' : `, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  const lines = [`${kind}: ${available ? `available${count}` : `not available: ${reason}`}`];
  for (const level of levels ?? []) {
    lines.push(`  ${level.isa.padEnd(12)}${level.available ? 'yes' : `no: ${level.reason}`}`);
  }
  const names = (has: boolean) =>
    Object.entries(extensions ?? {})
      .filter(([, value]) => value === has)
      .map(([name]) => name)
      .join(', ');
  if (extensions) lines.push(`  ${'extensions'.padEnd(12)}${names(true) || 'none'}`);
  if (names(false)) lines.push(`  ${'absent'.padEnd(12)}${names(false)}`);
  return `${lines.join('\n')}\n`;
}
