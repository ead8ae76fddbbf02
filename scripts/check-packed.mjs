// Installs the packed tarballs into an empty project, as a user would, and makes a still and a video there.
import {
  closeSync,
  mkdtempSync,
  openSync,
  readSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack } from './pack.mjs';
import { main, runQuietly, StepError } from './workspace.mjs';

function expectStart(path, offset, text) {
  const bytes = Buffer.alloc(text.length);
  const file = openSync(path, 'r');
  readSync(file, bytes, 0, bytes.length, offset);
  closeSync(file);
  if (bytes.toString('latin1') !== text) throw new StepError(`${path} does not hold ${text}`);
}

await main(async () => {
  const tarballs = Object.values(await pack());
  const project = mkdtempSync(join(realpathSync(tmpdir()), 'tubelet-packed-'));
  try {
    const manifest = { name: 'empty-project', private: true, type: 'module' };
    writeFileSync(join(project, 'package.json'), JSON.stringify(manifest));
    // Nothing of the workspace may leak in: no npm_* variables, and another folder.
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD)/i.test(name)),
    );
    const run = (name, command, ...args) => runQuietly(name, command, args, { cwd: project, env });
    const install = ['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];
    await run('packed-install', 'npm', ...install, ...tarballs);

    const command = join(project, 'node_modules/.bin/tubelet');
    const prompt = 'a woman in a red T-shirt walks to the left';
    await run('packed-still', command, 'generate', prompt, '--frames', '1', '--out', 'still.png');
    expectStart(join(project, 'still.png'), 1, 'PNG');
    const few = ['--frames', '5', '--steps', '2', '--seed', '1'];
    await run('packed-video', command, 'generate', prompt, ...few, '--out', 'video.mp4');
    expectStart(join(project, 'video.mp4'), 4, 'ftyp');

    const program = `
      import { modelDirectory } from '@tubelet/model-sprites';
      import { loadPipeline } from 'tubelet';
      const pipe = await loadPipeline(modelDirectory);
      const video = await pipe.generate({ prompt: '${prompt}', numFrames: 1, steps: 1, seed: 1 });
      if (video.frames.length !== 1) throw new Error('one frame was asked for');
      await pipe.dispose();`;
    await run('packed-library', process.execPath, '--input-type=module', '--eval', program);
    console.log(
      `${tarballs.length} tarballs install into an empty project and make a still and a video`,
    );
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
});
