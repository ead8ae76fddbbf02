import { toByteLevel } from './byte-level.js';
import { type Fields, malformed, ofKind } from './fields.js';
import { escaped, pattern, type Section, split, splitBehavior } from './split.js';

/** Splits a normalised section into the words that the model sees one by one. */
export type PreTokenizer = (section: Section) => Section[];

const GPT_2 =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;
const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}';
const PUNCTUATION = /[\p{P}!-/:-@[-`{-~]/gu;
const SPACE = /\p{White_Space}/gu;

const KINDS: Readonly<Record<string, (config: Fields) => PreTokenizer>> = {
  Sequence: (config) => {
    const steps = config.objects('pretokenizers').map(preTokenizer);
    return (section) => steps.reduce<Section[]>((parts, step) => parts.flatMap(step), [section]);
  },
  Split: (config) => {
    const regex = pattern(config);
    const behavior = splitBehavior(config);
    const invert = config.flag('invert', false);
    return (section) => split(section, regex, behavior, invert);
  },
  ByteLevel: (config) => {
    const addPrefixSpace = config.flag('add_prefix_space', true);
    const useRegex = config.flag('use_regex', true);
    return ({ text, atStart }) => {
      const prefixed = addPrefixSpace && !text.startsWith(' ') ? ` ${text}` : text;
      const whole = { text: prefixed, atStart };
      const parts = useRegex ? split(whole, GPT_2, 'Isolated') : [whole];
      return parts.map((part) => ({ text: toByteLevel(part.text), atStart: part.atStart }));
    };
  },
  Metaspace: (config) => {
    const replacement = config.text('replacement', '▁');
    const scheme = prependScheme(config);
    const splits = config.flag('split', true);
    const boundary = new RegExp(`(?=${escaped(replacement)})`, 'u');
    return ({ text, atStart }) => {
      let marked = text.replaceAll(' ', replacement);
      const prepends = scheme === 'always' || (scheme === 'first' && atStart);
      if (prepends && !marked.startsWith(replacement)) marked = replacement + marked;
      if (!splits) return [{ text: marked, atStart }];
      return marked.split(boundary).map((part, i) => ({ text: part, atStart: atStart && i === 0 }));
    };
  },
  BertPreTokenizer: () => (section) =>
    split(section, SPACE, 'Removed').flatMap((part) => split(part, PUNCTUATION, 'Isolated')),
  Whitespace: () => {
    const words = new RegExp(`[${WORD}]+|[^${WORD}\\p{White_Space}]+`, 'gu');
    return (section) => split(section, words, 'Removed', true);
  },
  WhitespaceSplit: () => (section) => split(section, SPACE, 'Removed'),
  Punctuation: (config) => {
    const behavior = splitBehavior(config, 'Isolated');
    return (section) => split(section, PUNCTUATION, behavior);
  },
  Digits: (config) => {
    const behavior = config.flag('individual_digits', false) ? 'Isolated' : 'Contiguous';
    return (section) => split(section, /\p{N}/gu, behavior);
  },
  CharDelimiterSplit: (config) => {
    const delimiter = config.text('delimiter');
    return (section) =>
      section.text
        .split(delimiter)
        .map((text, i) => ({ text, atStart: section.atStart && i === 0 }))
        .filter((part) => part.text !== '');
  },
  FixedLength: (config) => {
    const length = config.count('length', 5);
    if (length === 0) throw malformed(`${config.where}.length`, 'at least 1', length);
    const parts = new RegExp(`[^]{1,${length}}`, 'gu');
    return (section) => split(section, parts, 'Isolated');
  },
};

/** @throws TubeletError for a kind or an option that is not supported. */
export function preTokenizer(config: Fields): PreTokenizer {
  return ofKind(KINDS, config);
}

/** Where a word mark is put before the text; `add_prefix_space: false` is the older way to say never. */
export function prependScheme(config: Fields): 'always' | 'first' | 'never' {
  if (config.has('add_prefix_space') && !config.flag('add_prefix_space')) return 'never';
  const scheme = config.text('prepend_scheme', 'always');
  if (scheme !== 'always' && scheme !== 'first' && scheme !== 'never') {
    throw malformed(`${config.where}.prepend_scheme`, 'always, first or never', scheme);
  }
  return scheme;
}
