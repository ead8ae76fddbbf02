import { InvalidArgumentError } from 'commander';

export function parseWhole(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new InvalidArgumentError('It must be a whole number, not below 0.');
  return value;
}

export function parseNumber(text: string): number {
  const value = Number(text);
  if (!/\d/.test(text) || !Number.isFinite(value))
    throw new InvalidArgumentError('It must be a number.');
  return value;
}
