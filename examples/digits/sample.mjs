// Sampling by EDM (Karras et al. 2022, algorithm 2): Heun's method over noise levels from 80 to 0.002, with churn.
import { denoise, edmPaper } from '@tubelet/diffusion';
import { noiseLatents } from '@tubelet/models';
import { compile, readFloat32, upload, weightsOf } from '@tubelet/runtime';
import { digitsModel, pack, side } from './model.mjs';

const pixels = side ** 2;
/** Of the pixels, as the network was trained. */
const sigmaData = 0.5;
const scheduler = edmPaper({ sigma_min: 0.002, sigma_max: 80 });
/** Noise added before each step, as the author of the network samples with it. */
const churn = { amount: 40, min: 0.05, max: 50, noise: 1.003 };

/**
 * Opens the network, with its preconditioning, for a number of images at once.
 *
 * @returns a function of noisy images, their noise levels and their labels to the clean images it expects
 */
export async function openNetwork(device, weights, images) {
  const { sizes, inputs: fixed } = pack(images);
  const plan = await compile(device, digitsModel, weights, sizes);
  const inputs = {};
  for (const [name, data] of Object.entries(fixed)) inputs[name] = await upload(device, data);
  for (const name of ['timestep', 'label']) inputs[name] = device.allocate(images * 4);
  inputs.pixels = device.allocate(sizes.elements * 4);
  const prediction = device.allocate(sizes.elements * 4);
  return async (noisy, sigmas, labels) => {
    const variances = sigmas.map((sigma) => sigma ** 2 + sigmaData ** 2);
    const of = (values, i) => values[Math.floor(i / pixels)];
    inputs.pixels.write(noisy.map((value, i) => value / Math.sqrt(of(variances, i))));
    inputs.timestep.write(Float32Array.from(sigmas, (sigma) => Math.log(sigma) / 4));
    inputs.label.write(Int32Array.from(labels));
    plan.run({ inputs, outputs: { prediction } }, sizes);
    const answer = await readFloat32(prediction);
    return noisy.map((value, i) => {
      const [sigma, variance] = [of(sigmas, i), of(variances, i)];
      const kept = (sigmaData ** 2 / variance) * value;
      return kept + ((sigma * sigmaData) / Math.sqrt(variance)) * answer[i];
    });
  };
}

/**
 * Draws digits.
 *
 * @param labels the digit of each image
 * @returns [images, 28, 28] in [-1, 1]
 */
export async function drawDigits(device, weights, labels, { steps = 40, seed = 0, onStep } = {}) {
  const network = await openNetwork(device, weights, labels.length);
  const elements = labels.length * pixels;
  const drawing = await compile(device, noiseLatents(), weightsOf({}), { elements });
  const noise = async (stream) => {
    const key = await upload(device, Int32Array.of(seed, 0, stream, 0));
    const y = device.allocate(elements * 4);
    await drawing.run({ inputs: { key }, outputs: { y } }, { elements });
    const values = await readFloat32(y);
    for (const buffer of [key, y]) buffer.dispose();
    return values;
  };
  const schedule = scheduler.schedule({ steps, churn });
  const start = (await noise(0)).map((value) => value * schedule.initialNoiseScale);
  return denoise({
    schedule,
    registers: new Map([['sample', start]]),
    arithmetic: {
      noise: (index) => noise(1 + index),
      combine: (terms) =>
        terms[0][0].map((_, i) => terms.reduce((sum, [x, weight]) => sum + weight * x[i], 0)),
    },
    async predict({ input, timestep: sigma }) {
      const sigmas = labels.map(() => sigma);
      return [{ prediction: await network(input, sigmas, labels) }];
    },
    onStep: ({ index }) => onStep?.(index + 1, schedule.steps.length),
  });
}
