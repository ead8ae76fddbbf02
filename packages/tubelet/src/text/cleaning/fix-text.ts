import { fixC1Controls, fixEncoding } from './fix-encoding.js';
import { unescapeWholeEntities } from './html-entities.js';

/**
 * Repairs text as `ftfy.fix_text` 6.3 does with its defaults, line by line: entities (until a line
 * holds a `<`, which makes the text HTML), misread UTF-8, C1 controls, Latin ligatures, character
 * widths, curly quotes, line breaks, lone surrogates, terminal escapes, control characters, NFC.
 */
export function fixText(text: string): string {
  let isHtml = false;
  let fixed = '';
  for (const line of text.split(/(?<=\n)/)) {
    isHtml ||= line.includes('<');
    fixed += fixLine(line, isHtml);
  }
  return fixed;
}

/** One repair may uncover the next: the steps are repeated until nothing changes. */
function fixLine(line: string, isHtml: boolean): string {
  for (;;) {
    let text = isHtml ? line : unescapeWholeEntities(line);
    text = fixEncoding(text);
    text = fixC1Controls(text)
      .replace(LIGATURE, (c) => LIGATURES[c]!)
      .replace(WIDE_OR_NARROW, (c) => (c === '\u3000' ? ' ' : c.normalize('NFKC')))
      .replace(/[\u201c-\u201f]/g, '"')
      .replace(/[\u02bc\u2018-\u201b]/g, "'")
      .replace(/\r\n|[\r\u2028\u2029\x85]/g, '\n')
      .replace(/\p{Surrogate}/gu, '\ufffd')
      .replace(TERMINAL_ESCAPE, '')
      .replace(CONTROL, '')
      .normalize('NFC');
    if (text === line) return text;
    line = text;
  }
}

/** Latin ligatures and digraphs that exist for old encodings' sake; æ and its like are letters. */
const LIGATURES: Readonly<Record<string, string>> = {
  Ĳ: 'IJ',
  ĳ: 'ij',
  ŉ: 'ʼn',
  Ǳ: 'DZ',
  ǲ: 'Dz',
  ǳ: 'dz',
  Ǆ: 'DŽ',
  ǅ: 'Dž',
  ǆ: 'dž',
  Ǉ: 'LJ',
  ǈ: 'Lj',
  ǉ: 'lj',
  Ǌ: 'NJ',
  ǋ: 'Nj',
  ǌ: 'nj',
  '\ufb00': 'ff',
  '\ufb01': 'fi',
  '\ufb02': 'fl',
  '\ufb03': 'ffi',
  '\ufb04': 'ffl',
  '\ufb05': 'ſt',
  '\ufb06': 'st',
};
const LIGATURE = new RegExp(`[${Object.keys(LIGATURES).join('')}]`, 'g');
const WIDE_OR_NARROW = /[\u3000\uff01-\uffef]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what is looked for
const TERMINAL_ESCAPE = /\x1b\[[\p{Nd};]*[a-zA-Z]/gu;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
const CONTROL = /[\0-\x08\x0b\x0e-\x1f\x7f\u206a-\u206f\ufeff\ufff9-\ufffc]/g;
