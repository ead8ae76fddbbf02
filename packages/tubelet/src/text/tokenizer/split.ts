import { toRegExp } from 'oniguruma-to-es';
import { type Fields, malformed } from './fields.js';

/** A part of the text on its way to the model. */
export interface Section {
  readonly text: string;
  /** The part begins where the whole text begins. */
  readonly atStart: boolean;
}

/** What becomes of the matches of a pattern when a text is split by it. */
export type SplitBehavior =
  | 'Removed'
  | 'Isolated'
  | 'Contiguous'
  | 'MergedWithPrevious'
  | 'MergedWithNext';

const BEHAVIORS: readonly string[] = [
  'Removed',
  'Isolated',
  'Contiguous',
  'MergedWithPrevious',
  'MergedWithNext',
] satisfies SplitBehavior[];

interface Range {
  readonly start: number;
  readonly end: number;
  readonly isMatch: boolean;
}

/** Reads the field `behavior`. */
export function splitBehavior(config: Fields, fallback?: SplitBehavior): SplitBehavior {
  const name = config.text('behavior', fallback);
  if (!BEHAVIORS.includes(name)) {
    throw malformed(`${config.where}.behavior`, `one of ${BEHAVIORS.join(', ')}`, name);
  }
  return name as SplitBehavior;
}

/** Reads the field `pattern`: `{ "String": … }`, taken literally, or `{ "Regex": … }` in Oniguruma's syntax. */
export function pattern(config: Fields): RegExp {
  const source = config.object('pattern');
  const literal = source?.optionalText('String');
  if (literal !== undefined) return new RegExp(escaped(literal), 'gu');
  const regex = source?.optionalText('Regex');
  if (regex === undefined) {
    throw malformed(`${config.where}.pattern`, 'a String or a Regex', config.value('pattern'));
  }
  try {
    return toRegExp(regex, { global: true });
  } catch (cause) {
    throw malformed(`${config.where}.pattern.Regex`, `a regular expression (${cause})`, regex);
  }
}

/** `literal` as the source of a regular expression with the flag u. */
export function escaped(literal: string): string {
  return literal.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

/** The matches of `regex` in `text`; an empty match right after another one does not count. */
export function* matches(regex: RegExp, text: string): Generator<{ start: number; end: number }> {
  regex.lastIndex = 0;
  let last = -1;
  for (let found = regex.exec(text); found !== null; found = regex.exec(text)) {
    const start = found.index;
    const end = start + found[0].length;
    if (end > start || start !== last) yield { start, end };
    last = end;
    if (end === start) regex.lastIndex += (text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1;
  }
}

/** Splits `section` at the matches of `regex`, or at what lies between them when `invert` is set. */
export function split(
  section: Section,
  regex: RegExp,
  behavior: SplitBehavior,
  invert = false,
): Section[] {
  const { text, atStart } = section;
  const ranges: Range[] = [];
  let end = 0;
  for (const match of matches(regex, text)) {
    if (match.start > end) ranges.push({ start: end, end: match.start, isMatch: invert });
    ranges.push({ ...match, isMatch: !invert });
    end = match.end;
  }
  if (end < text.length) ranges.push({ start: end, end: text.length, isMatch: invert });
  return merged(ranges, behavior)
    .filter((range) => range.end > range.start)
    .map((range) => ({
      text: text.slice(range.start, range.end),
      atStart: atStart && range.start === 0,
    }));
}

function merged(ranges: readonly Range[], behavior: SplitBehavior): readonly Range[] {
  switch (behavior) {
    case 'Isolated':
      return ranges;
    case 'Removed':
      return ranges.filter((range) => !range.isMatch);
    case 'Contiguous':
      return joined(ranges, (range, previousIsMatch) => range.isMatch === previousIsMatch);
    case 'MergedWithPrevious':
      return joined(ranges, (range, previousIsMatch) => range.isMatch && !previousIsMatch);
    case 'MergedWithNext':
      return joined(
        [...ranges].reverse(),
        (range, nextIsMatch) => range.isMatch && !nextIsMatch,
      ).reverse();
  }
}

/** Joins each range with the one before it in the list where `joins` says so. */
function joined(
  ranges: readonly Range[],
  joins: (range: Range, previousIsMatch: boolean) => boolean,
): Range[] {
  const result: Range[] = [];
  let previousIsMatch = false;
  for (const range of ranges) {
    const previous = result.at(-1);
    if (previous !== undefined && joins(range, previousIsMatch)) {
      result[result.length - 1] = {
        start: Math.min(previous.start, range.start),
        end: Math.max(previous.end, range.end),
        isMatch: false,
      };
    } else {
      result.push(range);
    }
    previousIsMatch = range.isMatch;
  }
  return result;
}
