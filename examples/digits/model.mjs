// A class-conditional DiT of 28x28 digits, as Franfee/DM-DiT-EDM-MNIST-class-cond-ImageGen@40e1753 trained it: patches of 4,
// width 64, three blocks of adaLN-Zero. Three things are its own: norms have weights beside the modulation, every head is as wide
// as the model, and the scores of attention are divided by the root of the number of tokens.
import {
  add,
  attention,
  columns,
  embedding,
  gatedResidual,
  gather,
  graph,
  layerNorm,
  linear,
  patchify,
  timestepEmbedding,
  unpatchify,
} from '@tubelet/graph';

export const side = 28;
const patch = 4;
const width = 64;
const heads = 4;
const blocks = 3;
const perImage = (side / patch) ** 2;
const epsilon = 1e-5;

/** Inputs: pixels [images·28·28], timestep and label [images], and what `pack` makes. Output: prediction, as the pixels. */
export const digitsModel = graph('digits', (g) => {
  const [tokens, images, elements] = ['tokens', 'images', 'elements'].map((name) => g.symbol(name));
  const row = g.input('row', [tokens], 'i32');
  const segments = g.input('segments', [images, 4], 'i32');
  const geometry = g.input('geometry', [images, 5], 'i32');
  const place = g.input('place', [tokens], 'i32');
  const cut = { channels: 1, patchT: 1, patchH: patch, patchW: patch, order: 'channel_first' };
  const layer = (name, x, n, options = {}) => {
    const { stored = [n, x.shape[1]], ...rest } = options;
    const weight = g.weight(`${name}.weight`, [n, x.shape[1]], { storedShape: stored });
    return linear(x, weight, { bias: g.weight(`${name}.bias`, [n]), ...rest });
  };
  const norm = (name, x) => {
    const [weight, bias] = ['weight', 'bias'].map((kind) => g.weight(`${name}.${kind}`, [width]));
    return layerNorm(x, { weight, bias, epsilon });
  };
  /** Several layers of the same input as one. */
  const together = (prefix, names, x, n) => {
    const fused = (kind, shape) =>
      g.weight(`${prefix}.${names.join('+')}.${kind}`, [names.length * n, ...shape.slice(1)], {
        sources: names.map((name) => ({ names: [`${prefix}.${name}.${kind}`], shape })),
      });
    return linear(x, fused('weight', [n, width]), { bias: fused('bias', [n]) });
  };

  const patches = patchify(g.input('pixels', [elements]), geometry, { ...cut, tokens }); // [T, 16]
  const table = g.weight('model.patch_pos_emb', [perImage, width], {
    storedShape: [1, perImage, width],
  });
  const square = [patch ** 2, 1, patch, patch];
  let x = layer('model.conv', patches, patch ** 2, { stored: square }); // [T, 16]
  x = layer('model.patch_emb', x, width, { residual: embedding(place, table) }); // [T, 64]

  const timestep = timestepEmbedding(g.input('timestep', [images]), {
    dim: width,
    flipSinToCos: false,
    downscaleFreqShift: 1,
  });
  const t = layer('model.time_emb.1', timestep, width, { activation: 'relu' });
  const labels = g.weight('model.label_emb.weight', [10, width]);
  const y = embedding(g.input('label', [images], 'i32'), labels);
  const condition = add(layer('model.time_emb.3', t, width), y); // [images, 64]

  for (let i = 0; i < blocks; i++) {
    const at = `model.dits.${i}`;
    const names = ['beta1', 'gamma1', 'alpha1', 'beta2', 'gamma2', 'alpha2'];
    const modulation = together(at, names, condition, width); // shift, scale, gate of attention, of the feed-forward
    const modulated = (h, part) => {
      const scaled = gatedResidual(h, h, modulation, row, { gateColumn: (part + 1) * width });
      return add(scaled, gather(row, columns(modulation, part * width, width))); // h·(1 + scale) + shift
    };
    const back = (part) => ({ modulation, row, gateColumn: part * width, residual: x });
    const all = together(at, ['wq', 'wk', 'wv'], modulated(norm(`${at}.ln1`, x), 0), heads * width);
    const [q, k, v] = [0, 1, 2].map((part) => columns(all, part * heads * width, heads * width));
    const a = attention(q, k, v, segments, { heads, scale: 1 / Math.sqrt(perImage) });
    x = layer(`${at}.lv`, a, width, back(2));
    const up = layer(`${at}.ff.0`, modulated(norm(`${at}.ln2`, x), 3), 4 * width, {
      activation: 'relu',
    });
    x = layer(`${at}.ff.2`, up, width, back(5));
  }
  const out = layer('model.linear', norm('model.ln', x), patch ** 2); // [T, 16]
  g.output('prediction', unpatchify(out, geometry, { ...cut, elements }));
});

/** The inputs of a run that depend on the number of images only, and its sizes. */
export function pack(images) {
  const each = (count, of) => Int32Array.from({ length: images * count }, (_, i) => of(i));
  const start = (i) => i * perImage;
  return {
    sizes: { tokens: images * perImage, images, elements: images * side ** 2 },
    inputs: {
      row: each(perImage, (t) => Math.floor(t / perImage)),
      place: each(perImage, (t) => t % perImage),
      segments: each(4, (i) => start(Math.floor(i / 4)) + (i % 2) * perImage),
      geometry: each(5, (i) => {
        const image = Math.floor(i / 5);
        return [image * side ** 2, start(image), 1, side, side][i % 5];
      }),
    },
  };
}
