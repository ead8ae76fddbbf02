import { type Call, fill, functions, product, type Reference, type Value } from './value.js';

/** Rows and columns of a tensor seen as a matrix over its last axis. */
function matrix({ shape, data }: Value): {
  rows: number;
  columns: number;
  row(r: number): Float64Array;
} {
  const columns = shape.at(-1)!;
  return {
    rows: data.length / columns,
    columns,
    row: (r) => data.subarray(r * columns, (r + 1) * columns),
  };
}

export const linear: Reference = (call) => {
  const [x, weight] = call.inputs.slice(0, 2).map(matrix);
  const [, , bias, modulation, row, residual] = call.inputs;
  const { activation, gateColumn } = call.attributes;
  const gates = modulation && matrix(modulation);
  return fill(call.shape, (t, n) => {
    const [a, w] = [x.row(t), weight.row(n)];
    let y = bias?.data[n] ?? 0;
    for (let k = 0; k < a.length; k++) y += a[k] * w[k];
    y = functions[String(activation)](y);
    if (gates && row) y *= gates.row(row.data[t])[Number(gateColumn) + n];
    return y + (residual ? matrix(residual).row(t)[n] : 0);
  });
};

/** (x - mean) / sqrt(variance + epsilon) of one row, or without the mean. */
function normed(x: Float64Array, epsilon: number, centred: boolean): Float64Array {
  const mean = centred ? x.reduce((sum, v) => sum + v, 0) / x.length : 0;
  const variance = x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / x.length;
  return x.map((v) => (v - mean) / Math.sqrt(variance + epsilon));
}

/** Applies a function to every row. */
function byRow(x: Value, f: (row: Float64Array, r: number) => Float64Array): Float64Array {
  const { rows, row } = matrix(x);
  const out = new Float64Array(x.data.length);
  for (let r = 0; r < rows; r++) out.set(f(row(r), r), (r * out.length) / rows);
  return out;
}

export const layer_norm: Reference = (call) => {
  const [x, weight, bias] = call.inputs;
  const { epsilon, groups } = call.attributes;
  const of = (vector: Value | undefined, d: number) => vector?.data[d % vector.data.length];
  return byRow(x, (row) => {
    const n = row.length / Number(groups);
    const out = new Float64Array(row.length);
    for (let first = 0; first < row.length; first += n)
      out.set(normed(row.subarray(first, first + n), Number(epsilon), true), first);
    return out.map((v, d) => v * (of(weight, d) ?? 1) + (of(bias, d) ?? 0));
  });
};

export const adaln: Reference = (call) => {
  const [x, modulation, row] = call.inputs;
  const { norm, epsilon, shiftColumn, scaleColumn } = call.attributes;
  const table = matrix(modulation);
  return byRow(x, (values, t) => {
    const m = table.row(row.data[t]);
    return normed(values, Number(epsilon), norm === 'layer').map(
      (v, d) => v * (1 + m[Number(scaleColumn) + d]) + m[Number(shiftColumn) + d],
    );
  });
};

export const rms_norm: Reference = (call) => {
  const [x, weight] = call.inputs;
  const { form, epsilon, groups, activation } = call.attributes;
  const f = functions[String(activation)];
  return byRow(x, (row) => {
    const n = row.length / Number(groups);
    return row.map((v, d) => {
      const group = row.subarray(d - (d % n), d - (d % n) + n);
      const squares = group.reduce((sum, g) => sum + g * g, 0);
      const scale =
        form === 'rms'
          ? 1 / Math.sqrt(squares / n + Number(epsilon))
          : Math.sqrt(n) / Math.max(Math.sqrt(squares), Number(epsilon));
      return f(v * scale * (weight ? weight.data[d % weight.data.length] : 1));
    });
  });
};

export const gated_residual: Reference = (call) => {
  const [x, y, modulation, row] = call.inputs;
  const [other, table] = [matrix(y), matrix(modulation)];
  const column = Number(call.attributes.gateColumn);
  return byRow(x, (values, t) => {
    const gate = table.row(row.data[t]);
    return values.map((v, d) => v + gate[column + d] * other.row(t)[d]);
  });
};

export const rotary: Reference = (call) => {
  const [x, cos, sin] = call.inputs;
  const headDim = Number(call.attributes.headDim);
  const pairs = cos.shape[1];
  const halves = call.attributes.layout === 'halves';
  return byRow(x, (row, t) => {
    const out = Float64Array.from(row);
    for (let head = 0; head < row.length; head += headDim) {
      for (let i = 0; i < pairs; i++) {
        const [a, b] = halves ? [head + i, head + i + pairs] : [head + 2 * i, head + 2 * i + 1];
        const [c, s] = [cos.data[t * pairs + i], sin.data[t * pairs + i]];
        out[a] = row[a] * c - row[b] * s;
        out[b] = row[a] * s + row[b] * c;
      }
    }
    return out;
  });
};

export const attention: Reference = (call) => {
  const [q, k, v, segments] = call.inputs;
  const bias = call.inputs[4];
  const heads = Number(call.attributes.heads);
  const [dim, valueDim] = [q.shape[1] / heads, v.shape[1] / heads];
  const [queries, keys, values] = [matrix(q), matrix(k), matrix(v)];
  const out = new Float64Array(product(call.shape));
  for (let s = 0; s < segments.shape[0]; s++) {
    const [qStart, qEnd, kStart, kEnd] = matrix(segments).row(s);
    for (let t = qStart; t < qEnd; t++) {
      for (let head = 0; head < heads; head++) {
        const last = call.attributes.causal ? Math.min(kEnd, kStart + t - qStart + 1) : kEnd;
        const scores = Array.from({ length: Math.max(0, last - kStart) }, (_, j) => {
          let score = 0;
          for (let d = head * dim; d < (head + 1) * dim; d++)
            score += queries.row(t)[d] * keys.row(kStart + j)[d];
          const distance = j - (t - qStart) + ((bias?.shape[0] ?? 1) - 1) / 2;
          return (
            score * Number(call.attributes.scale) + (bias ? bias.data[distance * heads + head] : 0)
          );
        });
        const most = Math.max(...scores);
        const weights = scores.map((score) => Math.exp(score - most));
        const sum = weights.reduce((all, w) => all + w, 0);
        weights.forEach((w, j) => {
          const row = values.row(kStart + j);
          for (let d = head * valueDim; d < (head + 1) * valueDim; d++)
            out[t * call.shape[1] + d] += (w / sum) * row[d];
        });
      }
    }
  }
  return out;
};

export const embedding: Reference = (call) => {
  const [ids, table] = call.inputs;
  return fill(call.shape, (t, d) => matrix(table).row(ids.data[t])[d]);
};

export const gather: Reference = ({ inputs: [index, ...tensors], shape }) => {
  const rows = tensors.flatMap((tensor) => {
    const x = matrix(tensor);
    return Array.from({ length: x.rows }, (_, r) => x.row(r));
  });
  return fill(shape, (t, d) => rows[index.data[t]][d]);
};

/** Rounded to float32 after every step, as the original computes it. */
/** exp as the op defines it: to 0.53 units in the last place of float32. */
function exponential(given: number): number {
  const f = Math.fround;
  const step = Math.LN2 / 16;
  const x = Math.min(Math.max(given, -150), 150);
  const k = Math.floor(f(x * f(1 / step)) + 0.5);
  const r = f(f(x - k * f(step)) - k * f(step - f(step)));
  const tail = f(f(0.50001466) + f(0.16666992) * r);
  const p = f(r + f(r * r) * tail);
  const octave = Math.floor(k / 16);
  const power = 2 ** (k / 16 - octave);
  const rest = f(f(power - f(power)) + f(power) * p);
  return f(f(f(power) + rest) * 2 ** octave);
}

export const timestep_embedding: Reference = (call) => {
  const timestep = call.inputs[0].data;
  const { maxPeriod, flipSinToCos, downscaleFreqShift, scale } = call.attributes;
  const f = Math.fround;
  const half = Math.floor(call.shape[1] / 2);
  return fill(call.shape, (r, column) => {
    if (column >= 2 * half) return 0;
    const i = column % half;
    const exponent = f(
      f(f(-Math.log(Number(maxPeriod))) * i) / f(half - Number(downscaleFreqShift)),
    );
    const angle = f(f(Number(scale)) * f(f(timestep[r]) * exponential(exponent)));
    return f(column < half === flipSinToCos ? Math.cos(angle) : Math.sin(angle));
  });
};

/** Pairs of (place in latents, place in tokens) of every value. */
function* patches(geometry: Value, attributes: Call['attributes']): Generator<[number, number]> {
  const [C, pt, ph, pw] = ['channels', 'patchT', 'patchH', 'patchW'].map((name) =>
    Number(attributes[name]),
  );
  const width = C * pt * ph * pw;
  for (let s = 0; s < geometry.shape[0]; s++) {
    const [element, token, F, H, W] = matrix(geometry).row(s);
    for (let c = 0; c < C; c++) {
      for (let f = 0; f < F; f++) {
        for (let h = 0; h < H; h++) {
          for (let w = 0; w < W; w++) {
            const t =
              token +
              (Math.floor(f / pt) * (H / ph) + Math.floor(h / ph)) * (W / pw) +
              Math.floor(w / pw);
            const within = ((f % pt) * ph + (h % ph)) * pw + (w % pw);
            const column =
              attributes.order === 'channel_first' ? c * pt * ph * pw + within : within * C + c;
            yield [element + ((c * F + f) * H + h) * W + w, t * width + column];
          }
        }
      }
    }
  }
}

export const patchify: Reference = (call) => {
  const [latents, geometry] = call.inputs;
  const out = new Float64Array(product(call.shape));
  for (const [from, to] of patches(geometry, call.attributes)) out[to] = latents.data[from];
  return out;
};

export const unpatchify: Reference = (call) => {
  const [tokens, geometry] = call.inputs;
  const out = new Float64Array(product(call.shape));
  for (const [to, from] of patches(geometry, call.attributes)) out[to] = tokens.data[from];
  return out;
};
