// A still from a prompt, then a clip that begins with it: the first latent frame is held clean.
import { join } from 'node:path';
import { modelDirectory } from '@tubelet/model-sprites';
import { loadPipeline } from 'tubelet';

const [folder = '.'] = process.argv.slice(2);
const prompt = 'a man with black hair in a blue shirt walks to the right in a forest';
const pipe = await loadPipeline(modelDirectory);
const still = await pipe.generate({ prompt, numFrames: 1, steps: 8, seed: 11 });
await still.save(join(folder, 'forest.png'), { scale: 4 });

const [data] = still.frames;
const image = { data, width: still.width, height: still.height };
const video = await pipe.generate({ prompt, image, numFrames: 9, steps: 8, seed: 12 });
await video.save(join(folder, 'forest.gif'), { scale: 4 });
await pipe.dispose();

const difference = data.reduce((sum, value, i) => sum + Math.abs(value - video.frames[0][i]), 0);
console.log(
  `the clip's first frame differs from the still by ${(difference / data.length).toFixed(1)} of 255 on average`,
);
