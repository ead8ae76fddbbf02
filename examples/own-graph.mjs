// A graph built by hand: adaLN modulation, a linear layer, a gated residual. The plan says which kernel runs each node.
import { adaln, graph, linear } from '@tubelet/graph';
import { compile, openDevice, readFloat32, upload, weightsOf } from '@tubelet/runtime';

const width = 64;
const block = graph('block', (g) => {
  const tokens = g.symbol('tokens');
  const x = g.input('x', [tokens, width]);
  const modulation = g.input('modulation', [g.symbol('rows'), 3 * width]); // shift, scale, gate
  const row = g.input('row', [tokens], 'i32');
  const h = adaln(x, modulation, row, { epsilon: 1e-6, shiftColumn: 0, scaleColumn: width });
  const weight = g.weight('weight', [width, width]);
  g.output('y', linear(h, weight, { modulation, row, gateColumn: 2 * width, residual: x }));
});

const device = openDevice();
const random = (count) => Float32Array.from({ length: count }, (_, i) => Math.sin(i));
const weights = weightsOf({ weight: { shape: [width, width], data: random(width * width) } });
const plan = await compile(device, block, weights, { tokens: 100, rows: 2 });
for (const { name, op, kernel, flops } of plan.explain().nodes)
  console.log(`${name}: ${op} by ${kernel}, ${flops} FLOPs at capacity`);

const tokens = 10;
const inputs = {
  x: await upload(device, random(tokens * width)),
  modulation: await upload(device, new Float32Array(3 * width)), // a gate of 0: the block changes nothing
  row: await upload(device, new Int32Array(tokens)),
};
const y = device.allocate(tokens * width * 4);
await plan.run({ inputs, outputs: { y } }, { tokens, rows: 1 });
const unchanged = (await readFloat32(y)).every((value, i) => value === random(tokens * width)[i]);
device.dispose();
console.log(`a gate of 0 leaves x as it is: ${unchanged}`);
