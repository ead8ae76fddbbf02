// A digit classifier of two linear layers (ggml examples/mnist), to tell whether a picture is the digit that was asked for.
import { graph, linear } from '@tubelet/graph';
import { compile, readFloat32, upload } from '@tubelet/runtime';

const pixels = 28 * 28;
const digits = 10;

const judgeModel = graph('judge', (g) => {
  const x = g.input('x', [g.symbol('images'), pixels]);
  const layer = (name, input, n, activation) => {
    const weight = g.weight(`${name}.weight`, [n, input.shape[1]]);
    return linear(input, weight, { bias: g.weight(`${name}.bias`, [n]), activation });
  };
  g.output('scores', layer('fc2', layer('fc1', x, 500, 'relu'), digits, 'none'));
});

/**
 * Reads digits.
 *
 * @param images [images, 28, 28] in [0, 1]
 * @returns the digit of each
 */
export async function readDigits(device, weights, images) {
  const sizes = { images: images.length / pixels };
  const plan = await compile(device, judgeModel, weights, sizes);
  const x = await upload(device, images);
  const scores = device.allocate(sizes.images * digits * 4);
  await plan.run({ inputs: { x }, outputs: { scores } }, sizes);
  const values = await readFloat32(scores);
  plan.dispose();
  return Array.from({ length: sizes.images }, (_, i) => {
    const row = values.subarray(i * digits, (i + 1) * digits);
    return row.indexOf(Math.max(...row));
  });
}
