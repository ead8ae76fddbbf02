// An AbortSignal stops the work at the next node of a plan; the pipeline stays usable.
import { modelDirectory } from '@tubelet/model-sprites';
import { loadPipeline, TubeletError } from 'tubelet';

const prompt = 'an old man in a green shirt stands facing the camera';
const pipe = await loadPipeline(modelDirectory);
try {
  await pipe.generate({ prompt, steps: 1000, signal: AbortSignal.timeout(300) });
} catch (error) {
  if (!TubeletError.isInstance(error) || error.code !== 'ABORTED') throw error;
  console.log(`stopped: ${error.cause.name}`);
}
const still = await pipe.generate({ prompt, numFrames: 1, steps: 2, seed: 1 });
await pipe.dispose();
console.log(`and used again: a still of ${still.width}x${still.height}`);
