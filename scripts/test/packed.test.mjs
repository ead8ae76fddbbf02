import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pack } from '../pack.mjs';
import { runQuietly } from '../workspace.mjs';

// The tarballs, installed by npm into an empty project as a user would, make pictures there.
describe('packed tarballs in an empty project', () => {
  const project = mkdtempSync(join(realpathSync(tmpdir()), 'tubelet-packed-'));
  const prompt = 'a woman in a red T-shirt walks to the left';
  let unreachable;

  // Nothing of the workspace may leak in: no npm_* variables, and another folder.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD|NODE_)/i.test(name)),
  );
  const run = (name, command, ...args) => runQuietly(name, command, args, { cwd: project, env });
  const tubelet = (name, ...args) =>
    run(name, join(project, 'node_modules/.bin/tubelet'), 'generate', prompt, ...args);

  beforeAll(async () => {
    const tarballs = Object.values(await pack());
    const manifest = { name: 'empty-project', private: true, type: 'module' };
    writeFileSync(join(project, 'package.json'), JSON.stringify(manifest));
    const options = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];
    try {
      await run('packed-install', 'npm', 'install', ...options, ...tarballs);
    } catch (error) {
      unreachable = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH/.exec(error.message)?.[0];
      if (!unreachable) throw error;
    }
  }, 600_000);

  afterAll(() => rmSync(project, { recursive: true, force: true }));

  it('make a still by the command', async ({ skip }) => {
    if (unreachable) skip(`the npm registry was not reached: ${unreachable}`);
    await tubelet('packed-still', '--frames', '1', '--steps', '2', '--out', 'still.png');
    expect(readFileSync(join(project, 'still.png')).toString('latin1', 1, 4)).toBe('PNG');
  });

  it('make a video by the command', async ({ skip }) => {
    if (unreachable) skip(`the npm registry was not reached: ${unreachable}`);
    await tubelet('packed-video', '--frames', '5', '--steps', '2', '--out', 'video.mp4');
    expect(readFileSync(join(project, 'video.mp4')).toString('latin1', 4, 8)).toBe('ftyp');
  });

  it('make a still by the library', async ({ skip }) => {
    if (unreachable) skip(`the npm registry was not reached: ${unreachable}`);
    const program = `
      import { modelDirectory } from '@tubelet/model-sprites';
      import { loadPipeline } from 'tubelet';
      const pipe = await loadPipeline(modelDirectory);
      const video = await pipe.generate({ prompt: '${prompt}', numFrames: 1, steps: 1, seed: 1 });
      console.log(JSON.stringify(video.frames.map((frame) => frame.length)));
      await pipe.dispose();`;
    const options = ['--input-type=module', '--eval', program];
    const output = await run('packed-library', process.execPath, ...options);
    expect(JSON.parse(output)).toEqual([64 * 64 * 3]);
  });
});
