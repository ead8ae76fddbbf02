import { TubeletError } from '@tubelet/graph';

/** Throws BAD_INPUT; declare what holds it as a `Refuse`, so that the compiler knows it does not return. */
export type Refuse = (what: string, expected: string | number, got: string | number) => never;

/** @param model names the model in errors: `[wan] latent height must be = …` */
export function refusalBy(model: string): Refuse {
  return (what, expected, got) => {
    throw new TubeletError('BAD_INPUT', model, `${what} must be = ${expected}, got ${got}`);
  };
}
