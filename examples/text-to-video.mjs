// A prompt to an mp4, with progress.
import { join } from 'node:path';
import { modelDirectory } from '@tubelet/model-sprites';
import { loadPipeline } from 'tubelet';

const [folder = '.'] = process.argv.slice(2);
const pipe = await loadPipeline(modelDirectory);
const video = await pipe.generate({
  prompt: 'a woman in a red T-shirt and blue jeans walks to the left on a beach at sunset',
  steps: 8,
  seed: 3,
  onStep: ({ step, steps, timestep }) =>
    console.error(`step ${step} of ${steps}, timestep ${timestep}`),
});
const file = join(folder, 'beach.mp4');
await video.save(file, { scale: pipe.defaults.upscale });
await pipe.dispose();
console.log(
  `${file}: ${video.frames.length} frames of ${video.width}x${video.height}, seed ${video.seed}`,
);
