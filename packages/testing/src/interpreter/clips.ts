import { eachIndex, fill, functions, product, type Reference, type Value } from './value.js';

/** Reads [F, H, W, C]; outside of it everything is 0. */
function reader({ shape, data }: Value): (f: number, h: number, w: number, c: number) => number {
  const [F, H, W, C] = shape;
  return (f, h, w, c) =>
    f < 0 || h < 0 || w < 0 || f >= F || h >= H || w >= W ? 0 : data[((f * H + h) * W + w) * C + c];
}

function factors(attributes: Parameters<Reference>[0]['attributes']): [number, number, number] {
  return [Number(attributes.factorT), Number(attributes.factorH), Number(attributes.factorW)];
}

export const convolution: Reference = ({ inputs, attributes, shape }) => {
  const [x, weight, bias, cache, residual] = inputs;
  const [co, ci, kt, kh, kw] = weight.shape;
  const [, height, width] = x.shape;
  const of = (name: string) => Number(attributes[name]);
  const [strideT, strideH, strideW] = [of('strideT'), of('strideH'), of('strideW')];
  const [padFront, padTop, padLeft, up] = [
    of('padFront'),
    of('padTop'),
    of('padLeft'),
    of('upsample'),
  ];
  const f = functions[String(attributes.activation)];
  const taps = kt * kh * kw;
  const patch = new Float64Array(ci * taps);
  const read = (tap: number, frame: number, h: number, w: number) => {
    const outside = h < 0 || w < 0 || h >= height * up || w >= width * up;
    const source = frame < 0 ? cache : x;
    const place = frame < 0 ? frame + (cache?.shape[0] ?? 0) : frame;
    for (let c = 0; c < ci; c++) {
      const at = ((place * height + Math.floor(h / up)) * width + Math.floor(w / up)) * ci + c;
      patch[c * taps + tap] = outside || place < 0 || !source ? 0 : source.data[at];
    }
  };

  const out = new Float64Array(product(shape));
  eachIndex(shape.slice(0, 3), ([frame, h, w], place) => {
    eachIndex([kt, kh, kw], ([i, j, k], tap) => {
      const row = h * strideH + j - padTop;
      read(tap, frame * strideT + i - padFront, row, w * strideW + k - padLeft);
    });
    for (let o = 0; o < co; o++) {
      let sum = bias?.data[o] ?? 0;
      for (let i = 0; i < patch.length; i++) sum += patch[i] * weight.data[o * patch.length + i];
      out[place * co + o] = f(sum) + (residual?.data[place * co + o] ?? 0);
    }
  });
  return out;
};

export const group_norm: Reference = ({ inputs: [x, weight, bias], attributes, shape }) => {
  const [F, H, W, C] = shape;
  const n = C / Number(attributes.groups);
  const count = H * W * n;
  const f = functions[String(attributes.activation)];
  const y = new Float64Array(x.data.length);
  for (let first = 0; first < F * C; first += n) {
    const [frame, c0] = [Math.floor(first / C), first % C];
    const places = Array.from(
      { length: count },
      (_, i) => (frame * H * W + Math.floor(i / n)) * C + c0 + (i % n),
    );
    const mean = places.reduce((sum, at) => sum + x.data[at], 0) / count;
    const variance = places.reduce((sum, at) => sum + (x.data[at] - mean) ** 2, 0) / count;
    for (const at of places) {
      const normed = (x.data[at] - mean) / Math.sqrt(variance + Number(attributes.epsilon));
      y[at] = f(normed * (weight?.data[at % C] ?? 1) + (bias?.data[at % C] ?? 0));
    }
  }
  return y;
};

export const upsample: Reference = ({ inputs: [x], attributes, shape }) => {
  const at = reader(x);
  const [ft, fh, fw] = factors(attributes);
  return fill(shape, (f, h, w, c) =>
    at(Math.floor(f / ft), Math.floor(h / fh), Math.floor(w / fw), c),
  );
};

/** The channel that (c, i, j, k) has in depth. */
function channel(attributes: Parameters<Reference>[0]['attributes']) {
  const [sc, st, sh, sw] = ['channelStride', 'strideT', 'strideH', 'strideW'].map((name) =>
    Number(attributes[name]),
  );
  return (c: number, i: number, j: number, k: number) => c * sc + i * st + j * sh + k * sw;
}

export const depth_to_space: Reference = ({ inputs: [x], attributes, shape }) => {
  const at = reader(x);
  const [ft, fh, fw] = factors(attributes);
  const of = channel(attributes);
  return fill(shape, (...index) => {
    const [f, h, w, c] = index;
    const depth = Math.floor(of(c, f % ft, h % fh, w % fw) / Number(attributes.repeats));
    return at(Math.floor(f / ft), Math.floor(h / fh), Math.floor(w / fw), depth);
  });
};

export const space_to_depth: Reference = ({ inputs: [x], attributes, shape }) => {
  const at = reader(x);
  const [ft, fh, fw] = factors(attributes);
  const of = channel(attributes);
  const group = Number(attributes.group);
  const [F, H, W, out] = shape;
  const y = new Float64Array(F * H * W * out);
  eachIndex([F, H, W, x.shape[3], ft, fh, fw], (index) => {
    const [f, h, w, c, i, j, k] = index;
    const value = at(f * ft + i - Number(attributes.padFront), h * fh + j, w * fw + k, c);
    y[((f * H + h) * W + w) * out + Math.floor(of(c, i, j, k) / group)] += value / group;
  });
  return y;
};
