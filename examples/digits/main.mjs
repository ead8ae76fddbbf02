// Digits by a trained DiT: draws ten of each, tells how many a classifier reads as the digit that was asked for, and writes a
// sheet of them. The weights are not part of the project; see README.md.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { openDevice, openWeights } from '@tubelet/runtime';
import { writeVideo } from 'tubelet';
import { readDigits } from './judge.mjs';
import { side } from './model.mjs';
import { drawDigits } from './sample.mjs';

const [out = '.', folder = resolve(import.meta.dirname, '../../../shared/assets/dit-mnist')] =
  process.argv.slice(2);
if (!existsSync(folder)) {
  console.error(`digits: the weights must be = in ${folder}, got no such folder (see README.md)`);
  process.exit(1);
}

const perDigit = 10;
const labels = Array.from({ length: 10 * perDigit }, (_, i) => i % 10);
const device = openDevice();
const weights = await openWeights(join(folder, 'model.safetensors'));
const digits = await drawDigits(device, weights, labels, {
  seed: 1,
  onStep: (step, steps) => process.stderr.write(`\r${step} of ${steps}`),
});
const images = digits.map((value) => Math.min(Math.max((value + 1) / 2, 0), 1));
const read = await readDigits(device, await openWeights(join(folder, 'judge.safetensors')), images);
device.dispose();

const right = read.filter((digit, i) => digit === labels[i]).length;
console.log(`\n${right} of ${labels.length} are read as the digit that was asked for`);
const frames = labels.map((_, i) =>
  Uint8Array.from({ length: side * side * 3 }, (_, at) =>
    Math.round(255 * images[i * side * side + Math.floor(at / 3)]),
  ),
);
const sheet = join(out, 'digits.png');
await writeVideo(sheet, { frames, width: side, height: side }, { scale: 2 });
console.log(sheet);
