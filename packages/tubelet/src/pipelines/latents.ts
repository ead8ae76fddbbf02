import { combinedLatents, heldLatents, noiseLatents } from '@tubelet/models';
import {
  type Buffer,
  type Device,
  type GrowingPlan,
  growingPlan,
  type RunOptions,
  readFloat32,
  upload,
  weightsOf,
} from '@tubelet/runtime';

const noWeights = weightsOf({});

/** Arithmetic on latents of any size on one device; plans are compiled once and grow with what is asked. */
export interface LatentMath {
  /** Σ coefficient · latents in float32, in this order; written to `into`. */
  combine(
    terms: readonly (readonly [latents: Buffer, coefficient: number])[],
    elements: number,
    into: Buffer,
    options?: RunOptions,
  ): Promise<void>;
  /** latents · mask + held: what is held stays as it is, where the mask is 0. */
  hold(
    latents: Buffer,
    held: { readonly mask: Buffer; readonly values: Buffer },
    elements: number,
    into: Buffer,
    options?: RunOptions,
  ): Promise<void>;
  /**
   * Standard normal noise, the same on every machine: element i is a function of seed, stream and i alone
   * (Philox4x32-10, Salmon et al. 2011).
   *
   * @param stream which of the seed's independent sequences
   */
  noise(seed: number, stream: number, elements: number, into: Buffer): Promise<void>;
  /** The same as values. */
  noiseValues(seed: number, stream: number, elements: number): Promise<Float32Array>;
}

export function latentMath(device: Device): LatentMath {
  const sums = new Map<number, GrowingPlan>();
  const sumOf = (count: number) => {
    const plan = sums.get(count) ?? growingPlan(device, combinedLatents(count), noWeights);
    sums.set(count, plan);
    return plan;
  };
  const holding = growingPlan(device, heldLatents(), noWeights);
  const drawing = growingPlan(device, noiseLatents(), noWeights);

  const noise: LatentMath['noise'] = async (seed, stream, elements, into) => {
    const words = Int32Array.of(seed | 0, Math.floor(seed / 2 ** 32) | 0, stream, 0);
    const key = await upload(device, words);
    try {
      await drawing.run({ inputs: { key }, outputs: { y: into } }, { elements });
    } finally {
      key.dispose();
    }
  };

  return {
    async combine(terms, elements, into, options) {
      const coefficients = device.allocate(terms.length * Float32Array.BYTES_PER_ELEMENT);
      const latents = Object.fromEntries(terms.map(([x], i) => [`x${i}`, x]));
      const buffers = { inputs: { coefficients, ...latents }, outputs: { y: into } };
      try {
        const written = coefficients.write(Float32Array.from(terms, ([, c]) => c));
        await Promise.all([written, sumOf(terms.length).run(buffers, { elements }, options)]);
      } finally {
        coefficients.dispose();
      }
    },
    async hold(latents, { mask, values }, elements, into, options) {
      const inputs = { latents, mask, values };
      await holding.run({ inputs, outputs: { y: into } }, { elements }, options);
    },
    noise,
    async noiseValues(seed, stream, elements) {
      const values = device.allocate(elements * Float32Array.BYTES_PER_ELEMENT);
      try {
        await noise(seed, stream, elements, values);
        return await readFloat32(values);
      } finally {
        values.dispose();
      }
    },
  };
}

/** Buffers of one size that are used again once no register refers to them. */
export interface LatentPool {
  /** One block of memory as `parts` buffers of the pool's size, one after another, and as one. */
  take(parts: number): { readonly whole: Buffer; readonly parts: readonly Buffer[] };
  /** Frees every block of which no part is among `live`. */
  keep(live: Iterable<Buffer>): void;
  dispose(): void;
}

export function latentPool(device: Device, elements: number): LatentPool {
  type Block = ReturnType<LatentPool['take']>;
  const used = new Set<Block>();
  const free: Block[] = [];
  return {
    take(count) {
      const index = free.findIndex(({ parts }) => parts.length === count);
      const block = index < 0 ? allocate(device, elements, count) : free.splice(index, 1)[0]!;
      used.add(block);
      return block;
    },
    keep(live) {
      const kept = new Set(live);
      for (const block of used) {
        if (block.parts.some((part) => kept.has(part))) continue;
        used.delete(block);
        free.push(block);
      }
    },
    dispose() {
      for (const { whole, parts } of [...used, ...free]) {
        for (const part of parts) part.dispose();
        whole.dispose();
      }
      used.clear();
      free.length = 0;
    },
  };
}

function allocate(device: Device, elements: number, count: number) {
  const bytes = elements * Float32Array.BYTES_PER_ELEMENT;
  const whole = device.allocate(bytes * count);
  if (count === 1) return { whole, parts: [whole] };
  return { whole, parts: Array.from({ length: count }, (_, i) => whole.view(i * bytes, bytes)) };
}
