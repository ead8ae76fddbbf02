import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { ended, startTubelet, temporaryFolder, tubelet } from './tubelet.js';

const files = temporaryFolder();
afterAll(files.remove);

const printed = (child: ChildProcess, text: string) =>
  new Promise<void>((done) => {
    let seen = '';
    child.stderr!.on('data', (more) => {
      seen += more;
      if (seen.includes(text)) done();
    });
  });

describe('the tubelet process', () => {
  const long = ['generate', 'a', '--steps', '1000', '--out', 'stopped.mp4'];

  it.for([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends by %s with its code, no stack and no half file', async ([signal, code]) => {
    const child = startTubelet(files.folder, ...long);
    const end = ended(child);
    await printed(child, 'denoising 2/');
    child.kill(signal);
    // npm hands the same Ctrl-C on.
    child.kill(signal);
    const start = performance.now();
    const outcome = await end;
    expect(outcome).toMatchObject({ code, signal: null, output: '' });
    expect(outcome.errors).toMatch(/\ntubelet: stopped; nothing was written\n$/);
    expect(performance.now() - start).toBeLessThan(5000);
    expect(readdirSync(files.folder)).toEqual([]);
  });

  it('writes where it was started, with the bytes of any other run, and survives a closed pipe', async () => {
    const args = ['--steps', '1', '--frames', '1', '--seed', '5', '--out', 'here.png'];
    const child = startTubelet(files.folder, 'generate', 'a', ...args);
    child.stdout!.destroy();
    expect(await ended(child)).toMatchObject({ code: 0, signal: null });
    const there = files.path('there.png');
    await tubelet('generate', 'a', ...args.slice(0, -1), there);
    expect(readFileSync(files.path('here.png'))).toEqual(readFileSync(there));
  });

  it('fails with 1 and wrong use with 2', async () => {
    const [failure, misuse] = await Promise.all([
      ended(startTubelet(files.folder, 'generate', 'a', '--model', 'nowhere')),
      ended(startTubelet(files.folder, 'generate')),
    ]);
    expect([failure.code, misuse.code]).toEqual([1, 2]);
  });
});
