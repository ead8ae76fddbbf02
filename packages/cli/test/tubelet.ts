import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { modelDirectory } from '@tubelet/model-sprites';
import { runCommand } from '../src/run-command.js';

/** What a command line came to. */
export interface Outcome {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** Runs a command line in this process. */
export async function tubelet(...args: readonly string[]): Promise<Outcome> {
  const text = { output: '', errors: '' };
  const add = (to: keyof typeof text, more: string) => {
    text[to] += more;
  };
  const code = await runCommand(args, {
    output: { write: (more) => add('output', more) },
    errors: { write: (more) => add('errors', more) },
    signal: new AbortController().signal,
  });
  return { code, ...text };
}

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** Starts a command line in a process of its own, on the built packages. */
export function startTubelet(folder: string, ...args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [main, ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  });
}

/** Waits for a process; a crash shows as a signal. */
export async function ended(
  child: ChildProcess,
): Promise<Outcome & { readonly signal: string | null }> {
  const text = { output: '', errors: '' };
  child.stdout!.on('data', (more) => {
    text.output += more;
  });
  child.stderr!.on('data', (more) => {
    text.errors += more;
  });
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code, signal) => done({ code: code ?? -1, signal, ...text }));
  });
}

/** A folder for the files of a test file. */
export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'tubelet-cli-'));
  return {
    folder,
    path: (...names: string[]) => join(folder, ...names),
    remove: () => rmSync(folder, { recursive: true }),
  };
}

/**
 * The model that ships, with some files changed: their new content, or null to leave one out.
 *
 * @returns the folder, which links to the other files
 */
export async function changedModel(
  into: string,
  changes: Readonly<Record<string, Uint8Array | string | null>>,
): Promise<string> {
  mkdirSync(into, { recursive: true });
  const entries = await readdir(modelDirectory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  for (const entry of files) {
    const path = join(entry.parentPath, entry.name).slice(modelDirectory.length + 1);
    mkdirSync(dirname(join(into, path)), { recursive: true });
    const content = changes[path];
    if (content === undefined) symlinkSync(join(modelDirectory, path), join(into, path));
    else if (content !== null) writeFileSync(join(into, path), content);
  }
  return into;
}

/** A file of the model that ships. */
export function modelFile(path: string): Buffer {
  return readFileSync(join(modelDirectory, path));
}
