import { karrasSigmas } from './sigmas.js';
import { range, roundHalfEven } from './spacing.js';

interface CourseConfig {
  readonly discretization: 'edm' | 'vp' | 've' | 'iddpm';
  readonly schedule: 'linear' | 'vp' | 've';
  readonly scaling: 'none' | 'vp';
  readonly sigma_min: number | null;
  readonly sigma_max: number | null;
  readonly rho: number;
  readonly epsilon_s: number;
  readonly C_1: number;
  readonly C_2: number;
  readonly M: number;
}

/** The path x(t) = scale(t) · (data + sigma(t) · noise) of Karras et al. 2022, and the times at which it is stopped. */
export interface EdmCourse {
  /** One per step, and 0 at the end. */
  readonly times: readonly number[];
  readonly sigma: (time: number) => number;
  readonly sigmaDerivative: (time: number) => number;
  readonly timeOf: (sigma: number) => number;
  readonly scale: (time: number) => number;
  readonly scaleDerivative: (time: number) => number;
}

/** The course of a config over `count` steps, 2 or more. */
export function edmCourse(config: CourseConfig, count: number): EdmCourse {
  const presetMin = {
    vp: vpSigma(19.9, 0.1, config.epsilon_s),
    ve: 0.02,
    iddpm: 0.002,
    edm: 0.002,
  };
  const presetMax = { vp: vpSigma(19.9, 0.1, 1), ve: 100, iddpm: 81, edm: 80 };
  const min = config.sigma_min ?? presetMin[config.discretization];
  const max = config.sigma_max ?? presetMax[config.discretization];
  const epsilon = config.epsilon_s;
  const [logMin, logMax] = [Math.log(min ** 2 + 1), Math.log(max ** 2 + 1)];
  const betaD = (2 * (logMin / epsilon - logMax)) / (epsilon - 1);
  const betaMin = logMax - 0.5 * betaD;
  const path = pathOf(config.schedule, betaD, betaMin);
  const share = range(0, count).map((i) => i / (count - 1));
  const sigmas = {
    vp: () => share.map((part) => vpSigma(betaD, betaMin, 1 + part * (epsilon - 1))),
    ve: () => share.map((part) => Math.sqrt(max ** 2 * (min ** 2 / max ** 2) ** part)),
    iddpm: () => iddpmSigmas(config, min, max, count),
    edm: () => karrasSigmas(max, min, count, config.rho),
  }[config.discretization]();
  const isScaled = config.scaling === 'vp';
  const scale = (time: number) => (isScaled ? 1 / Math.sqrt(1 + path.sigma(time) ** 2) : 1);
  return {
    ...path,
    times: [...sigmas.map(path.timeOf), 0],
    scale,
    scaleDerivative: (time) =>
      isScaled ? -path.sigma(time) * path.sigmaDerivative(time) * scale(time) ** 3 : 0,
  };
}

/** sigma as a function of time, its derivative and its inverse. */
function pathOf(schedule: CourseConfig['schedule'], betaD: number, betaMin: number) {
  switch (schedule) {
    case 'vp': {
      const sigma = (time: number) => vpSigma(betaD, betaMin, time);
      return {
        sigma,
        sigmaDerivative: (time: number) =>
          0.5 * (betaMin + betaD * time) * (sigma(time) + 1 / sigma(time)),
        timeOf: (level: number) =>
          (Math.sqrt(betaMin ** 2 + 2 * betaD * Math.log(level ** 2 + 1)) - betaMin) / betaD,
      };
    }
    case 've':
      return {
        sigma: Math.sqrt,
        sigmaDerivative: (time: number) => 0.5 / Math.sqrt(time),
        timeOf: (level: number) => level ** 2,
      };
    case 'linear':
      return {
        sigma: (time: number) => time,
        sigmaDerivative: () => 1,
        timeOf: (level: number) => level,
      };
  }
}

function vpSigma(betaD: number, betaMin: number, time: number): number {
  return Math.sqrt(Math.exp(0.5 * betaD * time ** 2 + betaMin * time) - 1);
}

/** The levels of Improved DDPM's M timesteps, those between min and max, evenly picked. */
function iddpmSigmas(config: CourseConfig, min: number, max: number, count: number): number[] {
  const { M, C_1, C_2 } = config;
  // The original computes the ratios in float32, as the index of a timestep is a whole tensor there.
  const round = Math.fround;
  const alphaBar = (j: number) => {
    const angle = round(round(round(round(0.5 * Math.PI) * j) / M) / round(C_2 + 1));
    return round(round(Math.sin(angle)) ** 2);
  };
  const levels = [0];
  for (let j = M; j > 0; j--) {
    const ratio = Math.max(round(alphaBar(j - 1) / alphaBar(j)), round(C_1));
    levels.unshift(Math.sqrt((levels[0] ** 2 + 1) / ratio - 1));
  }
  const kept = levels.filter((level) => level >= min && level <= max);
  const stride = (kept.length - 1) / (count - 1);
  return range(0, count).map((i) => kept[roundHalfEven(stride * i)]);
}
