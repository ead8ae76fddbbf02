import { InvalidArgumentError, Option } from 'commander';
import type { GenerateRequest } from 'tubelet';
import { parseNumber, parseWhole } from './numbers.js';

/** Options of a request that only some models have: their flags are their names, `--true-guidance-scale` for `trueGuidanceScale`. */
export type ModelOptions = Pick<
  GenerateRequest,
  | 'clipSkip'
  | 'decodeNoiseScale'
  | 'decodeTimestep'
  | 'dynamicGuidance'
  | 'guidanceChannels'
  | 'guidanceRescale'
  | 'resolutionBinning'
  | 'trueGuidanceScale'
>;

/** What each is, and how its value is read; one without a value is on where it is given, and `no-` off. */
const descriptions: Readonly<
  Record<keyof ModelOptions, readonly [what: string, parse?: (text: string) => unknown]>
> = {
  trueGuidanceScale: [
    'FLUX, HunyuanVideo: guidance away from --negative (default: 1, off)',
    parseNumber,
  ],
  dynamicGuidance: ['CogVideoX: a guidance scale that follows the timestep'],
  guidanceRescale: [
    'Stable Diffusion: 0 to 1, keeps contrast as the prompt has it (default: 0)',
    parseNumber,
  ],
  guidanceChannels: ["DiT: how many of the latents' channels are guided, or all", parseChannels],
  clipSkip: [
    "Stable Diffusion: how many of the text encoder's last blocks are left out (default: 0)",
    parseWhole,
  ],
  resolutionBinning: ['PixArt: make the size asked for, not the nearest trained one'],
  decodeTimestep: [
    'LTX-Video: 0 to 1, of decoders that are told a timestep (default: 0)',
    parseNumber,
  ],
  decodeNoiseScale: [
    'LTX-Video: 0 to 1, noise before decoding (default: the decode timestep)',
    parseNumber,
  ],
};

/** Options that are on unless they are turned off. */
const turnedOff: ReadonlySet<string> = new Set(['resolutionBinning']);

export function modelFlags(): readonly Option[] {
  return Object.entries(descriptions).map(([name, [what, parse]]) =>
    parse ? new Option(`${flag(name)} <n>`, what).argParser(parse) : new Option(flag(name), what),
  );
}

/** The flags by the names of the options. */
export const modelFlagNames: Readonly<Record<string, string>> = Object.fromEntries(
  Object.keys(descriptions).map((name) => [name, flag(name)]),
);

/** What was typed of them. */
export function modelOptions(typed: ModelOptions): ModelOptions {
  const names = Object.keys(descriptions) as (keyof ModelOptions)[];
  const untyped = (name: string) => (turnedOff.has(name) ? true : undefined);
  const given = names.filter((name) => typed[name] !== untyped(name));
  return Object.fromEntries(given.map((name) => [name, typed[name]]));
}

function flag(name: string): string {
  const kebab = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return turnedOff.has(name) ? `--no-${kebab}` : `--${kebab}`;
}

function parseChannels(text: string): number | 'all' {
  if (text === 'all') return text;
  try {
    return parseWhole(text);
  } catch {
    throw new InvalidArgumentError('It must be a whole number or all.');
  }
}
