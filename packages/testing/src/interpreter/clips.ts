import { eachIndex, fill, functions, product, type Reference, type Value } from './value.js';

/** Reads [F, H, W, C]; outside of it everything is 0. */
function reader({ shape, data }: Value): (f: number, h: number, w: number, c: number) => number {
  const [F, H, W, C] = shape as [number, number, number, number];
  return (f, h, w, c) =>
    f < 0 || h < 0 || w < 0 || f >= F || h >= H || w >= W
      ? 0
      : data[((f * H + h) * W + w) * C + c]!;
}

function factors(attributes: Parameters<Reference>[0]['attributes']): [number, number, number] {
  return [Number(attributes.factorT), Number(attributes.factorH), Number(attributes.factorW)];
}

export const convolution: Reference = ({ inputs, attributes, shape }) => {
  const [x, weight, bias, cache, residual] = inputs;
  const [co, ci, kt, kh, kw] = weight!.shape as [number, number, number, number, number];
  const number = (name: string) => Number(attributes[name]);
  const strides = ['strideT', 'strideH', 'strideW'].map(number) as [number, number, number];
  const pads = ['padFront', 'padTop', 'padLeft'].map(number) as [number, number, number];
  const f = functions[String(attributes.activation)]!;
  const [now, before] = [reader(x!), cache ? reader(cache) : () => 0];
  const cached = cache?.shape[0] ?? 0;
  const scaled = (place: number) => Math.floor(place / number('upsample'));
  const at = (frame: number, h: number, w: number, c: number) =>
    frame < 0
      ? before(frame + cached, scaled(h), scaled(w), c)
      : now(frame, scaled(h), scaled(w), c);

  const out = new Float64Array(product(shape));
  const [F, H, W] = shape as [number, number, number, number];
  eachIndex([F, H, W], ([frame, h, w], place) => {
    const patch = fill([ci, kt, kh, kw], (c, i, j, k) =>
      at(
        frame! * strides[0] + i! - pads[0],
        h! * strides[1] + j! - pads[1],
        w! * strides[2] + k! - pads[2],
        c!,
      ),
    );
    for (let o = 0; o < co; o++) {
      let sum = bias?.data[o] ?? 0;
      for (let i = 0; i < patch.length; i++) sum += patch[i]! * weight!.data[o * patch.length + i]!;
      out[place * co + o] = f(sum) + (residual?.data[place * co + o] ?? 0);
    }
  });
  return out;
};

export const upsample: Reference = ({ inputs: [x], attributes, shape }) => {
  const at = reader(x!);
  const [ft, fh, fw] = factors(attributes);
  return fill(shape, (f, h, w, c) =>
    at(Math.floor(f! / ft), Math.floor(h! / fh), Math.floor(w! / fw), c!),
  );
};

/** The channel that (c, i, j, k) has in depth. */
function channel(attributes: Parameters<Reference>[0]['attributes']) {
  const [sc, st, sh, sw] = ['channelStride', 'strideT', 'strideH', 'strideW'].map((name) =>
    Number(attributes[name]),
  ) as [number, number, number, number];
  return (c: number, i: number, j: number, k: number) => c * sc + i * st + j * sh + k * sw;
}

export const depth_to_space: Reference = ({ inputs: [x], attributes, shape }) => {
  const at = reader(x!);
  const [ft, fh, fw] = factors(attributes);
  const of = channel(attributes);
  return fill(shape, (...index) => {
    const [f, h, w, c] = index as [number, number, number, number];
    const depth = Math.floor(of(c, f % ft, h % fh, w % fw) / Number(attributes.repeats));
    return at(Math.floor(f / ft), Math.floor(h / fh), Math.floor(w / fw), depth);
  });
};

export const space_to_depth: Reference = ({ inputs: [x], attributes, shape }) => {
  const at = reader(x!);
  const [ft, fh, fw] = factors(attributes);
  const of = channel(attributes);
  const group = Number(attributes.group);
  const [F, H, W, out] = shape as [number, number, number, number];
  const y = new Float64Array(F * H * W * out);
  eachIndex([F, H, W, x!.shape[3]!, ft, fh, fw], (index) => {
    const [f, h, w, c, i, j, k] = index as [number, number, number, number, number, number, number];
    const value = at(f * ft + i - Number(attributes.padFront), h * fh + j, w * fw + k, c);
    y[((f * H + h) * W + w) * out + Math.floor(of(c, i, j, k) / group)]! += value / group;
  });
  return y;
};
