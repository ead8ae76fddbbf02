import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Call,
  denoise,
  edmPaper,
  parseSchedulerConfig,
  type Schedule,
  type ScheduleOptions,
  schedulerFromConfig,
} from '@tubelet/diffusion';
import { doubleArithmetic } from '../double-arithmetic.js';
import { type FixtureTensor, readSafetensorsFixture } from '../safetensors-fixture.js';

/** What a golden case comes to. */
export interface CaseResult {
  /** The largest error found, relative to the largest value of its tensor. */
  readonly maxError: number;
  readonly tolerance: number;
}

/** Agreement asked of trajectories, timesteps and sigmas in double. */
const tolerance = 1e-10;

/** Agreement asked where the golden has float32 only (the courses of 50 steps): diffusers' float32 tables. */
const float32Tolerance = 1e-4;

type Tensors = Map<string, FixtureTensor>;
type Json = Readonly<Record<string, unknown>>;

/** A case of samplers/: `config.json` and `io.safetensors`, as the README of the goldens describes them. */
interface Case {
  readonly config: Json;
  readonly tensors: Tensors;
  readonly stepCounts: readonly number[];
}

/**
 * Runs a case of goldens/samplers in double and compares it with the original's double run: timesteps, sigmas,
 * every sample of every trajectory, and the mixing of data and noise.
 *
 * @throws Error when the case has something this check does not know; TubeletError when the scheduler refuses it
 */
export async function checkSamplerCase(directory: string): Promise<CaseResult> {
  const config = parseSchedulerConfig(await readFile(join(directory, 'config.json'), 'utf8'));
  const tensors = await readSafetensorsFixture(join(directory, 'io.safetensors'));
  const golden: Case = { config, tensors, stepCounts: config.steps as number[] };
  const errors = 'function' in config ? edmPaperErrors(golden) : diffusersErrors(golden);
  return { maxError: Math.max(...(await errors)), tolerance };
}

async function diffusersErrors(golden: Case): Promise<number[]> {
  const { config, tensors, stepCounts } = golden;
  const scheduler = schedulerFromConfig((config.scheduler ?? {}) as Json);
  const errors: number[] = [];
  for (const steps of stepCounts) {
    const begin = 'begin' in config ? Math.floor(steps / 3) : undefined;
    const schedule = scheduler.schedule({ ...optionsOf(golden, steps), begin });
    errors.push(...courseErrors(tensors, steps, schedule));
    errors.push(...(await trajectoryErrors(golden, steps, schedule)));
  }
  if (tensors.has('n50.timesteps')) {
    errors.push(...courseErrors(tensors, 50, scheduler.schedule(optionsOf(golden, 50))));
  }
  if (tensors.has('noising.timesteps')) {
    errors.push(...noisingErrors(tensors, scheduler.schedule(optionsOf(golden, 20))));
  }
  return errors;
}

/** The samplers of NVlabs/edm: every call of the model, and the sample after every step. */
async function edmPaperErrors({ config, tensors, stepCounts }: Case): Promise<number[]> {
  const { churn, rest } = splitChurn(
    config.options as Json,
    'S_churn',
    'S_min',
    'S_max',
    'S_noise',
  );
  const { b, c, d } = config.model as Record<'b' | 'c' | 'd', number>;
  const scheduler = edmPaper(rest);
  const noise = rows(tensor(tensors, 'noise'));
  const errors: number[] = [];
  for (const steps of stepCounts) {
    const schedule = scheduler.schedule({ steps, churn });
    const inputs: number[] = [];
    const samples: Float64Array[] = [];
    const latents = tensor(tensors, 'latents').values;
    const sample = latents.map((value) => value * schedule.initialNoiseScale);
    await denoise({
      schedule,
      arithmetic: doubleArithmetic({}, (index) => Float64Array.from(noise[index])),
      registers: new Map([['sample', sample]]),
      predict: async ({ input, timestep: sigma }) => {
        inputs.push(...input);
        const variance = 1 + sigma ** 2;
        const wave = (x: number) =>
          b * Math.sin((c * x) / Math.sqrt(variance) + d * Math.log(sigma));
        return [{ prediction: input.map((x) => x / variance + wave(x)) }];
      },
      onStep: ({ registers }) => void samples.push(registers.get('sample') as Float64Array),
    });
    // The last call of each step: every second one where steps have two, except the last step.
    const isDouble = samples.length > steps;
    const ends = samples.filter((_, i) => !isDouble || i % 2 === 1 || i === samples.length - 1);
    const trajectory = [sample, ...ends].flatMap((values) => Array.from(values));
    errors.push(
      error(schedule.timesteps, tensor(tensors, `n${steps}.calls_sigma_f64`).values),
      error(inputs, tensor(tensors, `n${steps}.calls_x_f64`).values),
      error(trajectory, tensor(tensors, `n${steps}.trajectory_f64`).values),
    );
  }
  return errors;
}

/** Takes the four numbers of churn out of the original's arguments. */
function splitChurn(options: Json, ...names: readonly [string, string, string, string]) {
  const rest = Object.fromEntries(
    Object.entries(options).filter(([name]) => !names.includes(name)),
  );
  const [amount, min, max, noise] = names.map((name) => options[name] as number | undefined);
  return { rest, churn: amount === undefined ? undefined : { amount, min, max, noise } };
}

/** The arguments of set_timesteps and step, as one. */
function optionsOf({ config, tensors }: Case, steps: number): ScheduleOptions {
  const names: Readonly<Record<string, keyof ScheduleOptions>> = {
    eta: 'eta',
    mu: 'mu',
    original_inference_steps: 'originalInferenceSteps',
    sigmas: 'sigmas',
    strength: 'strength',
    timesteps: 'timesteps',
    use_clipped_model_output: 'useClippedModelOutput',
  };
  const options: Record<string, unknown> = {};
  const given = { ...(config.set_timesteps as Json), ...(config.step as Json) };
  const { churn, rest } = splitChurn(given, 's_churn', 's_tmin', 's_tmax', 's_noise');
  for (const [name, value] of Object.entries(rest)) {
    if (name in names) options[names[name]] = linspaceOf(value, steps);
    else if (name === 'per_token_timesteps') {
      options.tokenTimesteps = rows(tensor(tensors, `n${steps}.per_token_timesteps_f64`));
    } else throw new Error(`argument ${name} of a golden case is not known`);
  }
  if (churn) options.churn = churn;
  if (!('timesteps' in options) && !('sigmas' in options)) options.steps = steps;
  return options;
}

function linspaceOf(value: unknown, steps: number): unknown {
  if (value !== 'numpy.linspace(1, 1/n, n)') return value;
  const stride = steps > 1 ? (1 / steps - 1) / (steps - 1) : 0;
  return Array.from({ length: steps }, (_, i) =>
    steps > 1 && i === steps - 1 ? 1 / steps : i * stride + 1,
  );
}

function courseErrors(tensors: Tensors, steps: number, schedule: Schedule): number[] {
  const course = { timesteps: schedule.timesteps, sigmas: schedule.sigmas };
  return Object.entries(course).flatMap(([name, ours]) => {
    const double = tensors.get(`n${steps}.${name}_f64`);
    const single = tensors.get(`n${steps}.${name}`);
    if (double) return [error(ours, double.values)];
    if (!single) return [];
    const difference = error(ours, single.values);
    if (name === 'timesteps' && single.values.every(Number.isInteger)) return [difference];
    return [difference < float32Tolerance ? 0 : difference];
  });
}

async function trajectoryErrors(
  golden: Case,
  steps: number,
  schedule: Schedule,
): Promise<number[]> {
  const { tensors } = golden;
  const expected = tensor(tensors, `n${steps}.trajectory_f64`);
  const [first, ...later] = rows(expected);
  const arithmetic = arithmeticFor(expected.shape, schedule, tensors.get(`n${steps}.noise`));
  const clean = tensor(tensors, 'x').values;
  const noise = tensors.get(`n${steps}.start_noise`)?.values;
  const { sample: kept, noise: added } = schedule.steps[0].addNoise;
  const sample = noise
    ? clean.map((value, i) => kept * value + added * noise[i])
    : clean.map((value) => value * schedule.initialNoiseScale);
  const errors = [error(sample, first)];
  const trajectory: Float64Array[] = [];
  await denoise({
    schedule,
    arithmetic,
    registers: new Map([['sample', sample]]),
    predict: standIn(golden),
    onStep: ({ registers }) => void trajectory.push(registers.get('sample') as Float64Array),
  });
  if (trajectory.length !== later.length) errors.push(Number.POSITIVE_INFINITY);
  const scale = Math.max(...expected.values.map(Math.abs));
  trajectory.forEach((ours, i) => {
    errors.push(error(ours, later[i] ?? [], scale));
  });
  return errors;
}

/** The stand-in for the network: a·x + b·sin(c·x + d·t), and cos(c·x - d·t) for the variance. */
function standIn({ config }: Case) {
  const { a, b, c, d } = config.model as Record<'a' | 'b' | 'c' | 'd', number>;
  return async ({ input, timestep, tokenTimesteps }: Call<Float64Array>) => {
    const width = input.length / (tokenTimesteps?.length ?? 1);
    const time = (i: number) => tokenTimesteps?.[Math.floor(i / width)] ?? timestep;
    return [
      {
        prediction: input.map((x, i) => a * x + b * Math.sin(c * x + d * time(i))),
        variance: input.map((x, i) => Math.cos(c * x - d * time(i))),
      },
    ];
  };
}

/** x is [steps, batch, …]; with per-token timesteps [steps, batch, tokens, channels]. */
function arithmeticFor(shape: readonly number[], schedule: Schedule, noise?: FixtureTensor) {
  const [, samples, second] = shape;
  const drawn = noise && rows(noise);
  const isTokens = schedule.steps[0].tokenTimesteps !== undefined;
  return doubleArithmetic(
    isTokens ? { tokens: samples * second } : { samples, channels: second },
    (index) => {
      if (!drawn?.[index]) throw new Error(`noise ${index} must be = in the golden, got nothing`);
      return Float64Array.from(drawn[index]);
    },
  );
}

/** add_noise or scale_noise, and get_velocity, for timesteps of the schedule, one or one per sample. */
function noisingErrors(tensors: Tensors, schedule: Schedule): number[] {
  const clean = rows(tensor(tensors, 'noising.x'));
  const noise = rows(tensor(tensors, 'noising.noise'));
  const given = tensor(tensors, 'noising.timesteps').values;
  const timesteps = clean.map((_, sample) => given[given.length > 1 ? sample : 0]);
  const mixed = (kind: 'addNoise' | 'velocity') =>
    timesteps.flatMap((timestep, sample) => {
      const step = schedule.steps[callAt(schedule, timestep)];
      const weights = step[kind];
      if (!weights)
        throw new Error(`${kind} of ${schedule.scheduler} must be = given, got nothing`);
      return clean[sample].map(
        (value, i) => (weights.sample ?? 0) * value + (weights.noise ?? 0) * noise[sample][i],
      );
    });
  const expectations = [
    ['addNoise', 'add_noise_f64'],
    ['addNoise', 'scale_noise_f64'],
    ['velocity', 'get_velocity_f64'],
  ] as const;
  return expectations.flatMap(([kind, name]) => {
    const expected = tensors.get(name);
    return expected ? [error(mixed(kind), expected.values)] : [];
  });
}

/** The call at a timestep; the second where there are two, as diffusers' index_for_timestep answers. */
function callAt(schedule: Schedule, timestep: number): number {
  const calls = schedule.timesteps.flatMap((value, i) =>
    Math.abs(value - timestep) <= 1e-9 * Math.abs(timestep) ? [i] : [],
  );
  if (calls.length === 0) throw new Error(`timestep ${timestep} must be = of the schedule`);
  return calls[Math.min(1, calls.length - 1)];
}

/** The largest difference relative to the largest expected value; infinite when lengths differ or numbers are none. */
function error(
  ours: ArrayLike<number>,
  expected: ArrayLike<number>,
  scale = Math.max(...Array.from(expected, Math.abs)),
): number {
  if (ours.length !== expected.length) return Number.POSITIVE_INFINITY;
  const differences = Array.from(ours, (value, i) => Math.abs(value - expected[i]));
  const largest = Math.max(...differences);
  return Number.isNaN(largest) ? Number.POSITIVE_INFINITY : largest / (scale || 1);
}

function tensor(tensors: Tensors, name: string): FixtureTensor {
  const found = tensors.get(name);
  if (!found) throw new Error(`tensor ${name} must be = in the golden, got nothing`);
  return found;
}

/** The entries along the first axis. */
function rows({ shape, values }: FixtureTensor): number[][] {
  const size = values.length / shape[0];
  return Array.from({ length: shape[0] }, (_, i) =>
    Array.from(values.subarray(i * size, (i + 1) * size)),
  );
}
