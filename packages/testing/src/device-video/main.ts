// node packages/testing/dist/device-video/main.js [STEPS]: the video of the model that ships, made by the CPU and by a GPU from
// the same prompt and seed. Exit code 1 where the GPU's differs between two runs, or from the CPU's by more than rounding does.
import { modelDirectory } from '@tubelet/model-sprites';
import { loadPipeline, type Video } from 'tubelet';

const prompt = 'a woman in a red T-shirt walks to the left on a beach';
/** Both sum in float32, each in its own order. */
const leastDecibels = 40;

interface Made {
  readonly video: Video;
  readonly seconds: number;
}

async function make(kind: 'cpu' | 'cuda', dtype: 'f32' | 'bf16', runs: number): Promise<Made[]> {
  await using pipe = await loadPipeline(modelDirectory, { kind, dtype });
  const made: Made[] = [];
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    const video = await pipe.generate({ prompt, seed: 7, ...(steps && { steps }) });
    made.push({ video, seconds: (performance.now() - start) / 1000 });
  }
  return made;
}

/** Peak signal to noise of a video's bytes beside another's; infinite where they are the same. */
function decibels(a: Video, b: Video): number {
  let sum = 0;
  let count = 0;
  a.frames.forEach((frame, f) => {
    frame.forEach((value, i) => {
      sum += (value - (b.frames[f]?.[i] ?? Number.NaN)) ** 2;
    });
    count += frame.length;
  });
  return 10 * Math.log10((255 ** 2 * count) / sum);
}

const steps = process.argv[2] === undefined ? undefined : Number(process.argv[2]);
const [cpu] = await make('cpu', 'f32', 1);
const [first, second] = await make('cuda', 'f32', 2);
const [narrow] = await make('cuda', 'bf16', 1);
const again = decibels(second.video, first.video);
const beside = decibels(first.video, cpu.video);
console.log(`seconds: CPU ${cpu.seconds.toFixed(1)}, GPU ${second.seconds.toFixed(1)}`);
console.log(
  `bf16 on the GPU beside the CPU's f32: ${decibels(narrow.video, cpu.video).toFixed(1)} dB`,
);
const isSame = again === Number.POSITIVE_INFINITY;
console.log(
  `the GPU's video is ${isSame ? 'the same' : 'another'} when made again, and ${beside.toFixed(1)} dB from the CPU's`,
);
process.exitCode = isSame && beside >= leastDecibels ? 0 : 1;
