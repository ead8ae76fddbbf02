import { toByteLevel } from './byte-level.js';
import { type Fields, ofKind } from './fields.js';
import { precompiledCharsmap } from './precompiled-charsmap.js';
import { matches, pattern, type Section } from './split.js';

/** Rewrites a section before it is split into words. */
export type Normalizer = (section: Section) => Section;

const KINDS: Readonly<Record<string, (config: Fields) => Normalizer>> = {
  Sequence: (config) => {
    const steps = config.objects('normalizers').map(normalizer);
    return (section) => steps.reduce((result, step) => step(result), section);
  },
  NFC: () => rewriting((text) => text.normalize('NFC')),
  NFD: () => rewriting((text) => text.normalize('NFD')),
  NFKC: () => rewriting((text) => text.replace(KNOWN, (part) => part.normalize('NFKC'))),
  NFKD: () => rewriting((text) => text.replace(KNOWN, (part) => part.normalize('NFKD'))),
  Lowercase: () => rewriting(lowerCase),
  ByteLevel: () => rewriting(toByteLevel),
  Prepend: (config) => {
    const prefix = config.text('prepend');
    return rewriting((text) => (text === '' ? text : prefix + text));
  },
  Precompiled: (config) =>
    rewriting(
      precompiledCharsmap(
        config.text('precompiled_charsmap'),
        `${config.where}.precompiled_charsmap`,
      ),
    ),
  Replace: (config) => replacing(pattern(config), config.text('content')),
  Strip: (config) => {
    const left = config.flag('strip_left') ? replacing(/^\p{White_Space}+/gu, '') : same;
    const right = config.flag('strip_right') ? replacing(TRAILING_SPACE, '') : same;
    return (section) => right(left(section));
  },
  StripAccents: () => replacing(/\p{M}/gu, ''),
  Nmt: () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
    const removeControls = replacing(/[\x01-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]/g, '');
    const toBlanks = rewriting((text) =>
      text.replace(/[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/g, ' '),
    );
    return (section) => toBlanks(removeControls(section));
  },
  BertNormalizer: (config) => {
    const lowercase = config.flag('lowercase', true);
    const steps: Normalizer[] = [];
    if (config.flag('clean_text', true)) {
      steps.push(replacing(/[\0\ufffd]|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}]/gu, ''));
      steps.push(rewriting((text) => text.replace(/\p{White_Space}/gu, ' ')));
    }
    if (config.flag('handle_chinese_chars', true)) {
      steps.push(rewriting((text) => text.replace(CHINESE, ' $& ')));
    }
    if (config.flag('strip_accents', lowercase)) {
      steps.push(
        rewriting((text) => text.normalize('NFD')),
        replacing(/\p{Mn}/gu, ''),
      );
    }
    if (lowercase) steps.push(rewriting(lowerCase));
    return (section) => steps.reduce((result, step) => step(result), section);
  },
};

/** Runs without the characters whose compatibility forms are younger than the tables (Unicode 12.0) of Hugging Face's tokenizers. */
const KNOWN =
  /[^\u32ff\ua7f1-\ua7f4\uab69\u{10781}-\u{107ba}\u{1ccd6}-\u{1ccf9}\u{1e030}-\u{1e06d}\u{1f16c}\u{1fbf0}-\u{1fbf9}]+/gu;
const TRAILING_SPACE = /(?<!\p{White_Space})\p{White_Space}+$/gu;
const CHINESE =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;

/** @throws TubeletError for a kind or an option that is not supported. */
export function normalizer(config: Fields): Normalizer {
  return ofKind(KINDS, config);
}

function same(section: Section): Section {
  return section;
}

function rewriting(rewrite: (text: string) => string): Normalizer {
  return ({ text, atStart }) => ({ text: rewrite(text), atStart });
}

/** What replaces the first characters no longer begins where the text began, unless it replaces a single one. */
function replacing(regex: RegExp, content: string): Normalizer {
  return ({ text, atStart }) => {
    let result = '';
    let last = 0;
    for (const { start, end } of matches(regex, text)) {
      result += text.slice(last, start) + content;
      last = end;
      if (start === 0 && end > 0 && !(content !== '' && end === codePointLength(text))) {
        atStart = false;
      }
    }
    return { text: result + text.slice(last), atStart };
  };
}

function codePointLength(text: string): number {
  return (text.codePointAt(0) ?? 0) > 0xffff ? 2 : 1;
}

/** Lower case character by character: JavaScript alone would write a final sigma at the end of a word. */
function lowerCase(text: string): string {
  return text.replaceAll('Σ', 'σ').toLowerCase();
}
