import { TubeletError } from '../../errors.js';

/** Finds the row of a class by its number or by one of its names. */
export type FindLabel = (label: number | string | undefined) => number;

/**
 * @param names of the classes by their numbers, `{"207": "golden retriever"}`, as diffusers' `id2label` has them: several names are
 * parted by commas
 * @returns a function that throws TubeletError BAD_INPUT for a class there is not
 */
export function labelFinder(classes: number, names: unknown): FindLabel {
  const numbers = new Map<string, number>();
  for (const [number, text] of Object.entries(Object(names)))
    for (const name of String(text).split(',')) numbers.set(name.trim(), Number(number));
  const isClass = (value: unknown) =>
    Number.isInteger(value) && Number(value) >= 0 && Number(value) < classes;
  return (label) => {
    const text = typeof label === 'string' ? label.trim() : '';
    const number = /^\d+$/.test(text) ? Number(text) : (numbers.get(text) ?? label);
    if (typeof number === 'number' && isClass(number)) return number;
    const named = numbers.size > 0 ? ' or a name' : '';
    const near = [...numbers.keys()].filter((name) => text !== '' && name.includes(text));
    const hint = near.length > 0 ? `; there is ${near.slice(0, 5).join(', ')}` : '';
    const expected = `a number from 0 to ${classes - 1}${named}`;
    const got = label === undefined ? 'none' : JSON.stringify(label);
    const message = `classLabel must be = ${expected}, got ${got}${hint}`;
    throw new TubeletError('BAD_INPUT', 'generate', message);
  };
}
