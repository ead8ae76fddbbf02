import { CODE_PAGES, WINDOWS_1252 } from './code-pages.js';
import { looksLikeMojibake } from './mojibake.js';
import { decodeUtf8 } from './utf8.js';

/**
 * Undoes UTF-8 that was read in a one-byte encoding ("schÃ¶n" for "schön"), once or several times,
 * in the whole text or in a part of it. Text that does not look misread is returned as it is.
 * The steps and their order are ftfy 6.3's.
 */
export function fixEncoding(text: string): string {
  for (;;) {
    const fixed = fixOnce(text);
    if (fixed === text) return text;
    text = fixed;
  }
}

/** Reads C1 control characters as the Windows-1252 characters of the same bytes, as browsers do. */
export function fixC1Controls(text: string): string {
  return text.replace(/[\x80-\x9f]/g, (c) => WINDOWS_1252.characters[c.charCodeAt(0)]!);
}

function fixOnce(text: string): string {
  if (!looksLikeMojibake(text)) return text;
  for (const page of CODE_PAGES) {
    let bytes = page.encode(text);
    if (bytes === undefined) continue;
    // In MacRoman a dash before a blank would look like a damaged sequence.
    if (page.name !== 'macroman' && BLANK_FOR_A0.test(bytes)) bytes = restoreA0(bytes);
    if (page.sloppy) bytes = bytes.replace(LOST_BYTES, '\xef\xbf\xbd');
    const decoded = decodeUtf8(bytes);
    if (decoded !== undefined) return decoded;
  }
  const fixed = text.replace(MISREAD_UTF8, (part) =>
    part.length < text.length && looksLikeMojibake(part) ? fixEncoding(part) : part,
  );
  return fixed === text ? fixC1Controls(text) : fixed;
}

/** UTF-8 whose byte A0 (the no-break space of many code pages) became a blank. */
const BLANK_FOR_A0 = new RegExp(
  [
    '[\\xc2\\xc3\\xc5\\xce\\xd0\\xd9] ',
    '[\\xe2\\xe3] [\\x80-\\x84\\x86-\\x9f\\xa1-\\xbf]',
    '[\\xe0-\\xe3][\\x80-\\x84\\x86-\\x9f\\xa1-\\xbf] ',
    '\\xf0 [\\x80-\\xbf][\\x80-\\xbf]',
    '\\xf0[\\x80-\\xbf] [\\x80-\\xbf]',
    '\\xf0[\\x80-\\xbf][\\x80-\\xbf] ',
  ].join('|'),
);
const EVERY_BLANK_FOR_A0 = new RegExp(BLANK_FOR_A0, 'g');

/** "Ã " is the word "à" and its blank, unless one of the Portuguese words that begin with it follows. */
const WORD_A_GRAVE = /\xc3 (?! |quele|quela|quilo|s )/g;

function restoreA0(bytes: string): string {
  return bytes
    .replace(WORD_A_GRAVE, '\xc3\xa0 ')
    .replace(EVERY_BLANK_FOR_A0, (sequence) => sequence.replaceAll(' ', '\xa0'));
}

/** UTF-8 with bytes that an earlier reader replaced by U+FFFD (byte 1A here) or by a question mark. */
const LOST_BYTES = new RegExp(
  [
    '[\\xc2-\\xdf]\\x1a',
    '[\\xc2-\\xc3]\\?',
    '\\xed[\\xa0-\\xaf][\\x1a?]\\xed[\\xb0-\\xbf][\\x1a?\\x80-\\xbf]',
    '\\xed[\\xa0-\\xaf][\\x1a?\\x80-\\xbf]\\xed[\\xb0-\\xbf][\\x1a?]',
    '[\\xe0-\\xef][\\x1a?][\\x1a\\x80-\\xbf]',
    '[\\xe0-\\xef][\\x1a\\x80-\\xbf][\\x1a?]',
    '[\\xf0-\\xf4][\\x1a?][\\x1a\\x80-\\xbf][\\x1a\\x80-\\xbf]',
    '[\\xf0-\\xf4][\\x1a\\x80-\\xbf][\\x1a?][\\x1a\\x80-\\xbf]',
    '[\\xf0-\\xf4][\\x1a\\x80-\\xbf][\\x1a\\x80-\\xbf][\\x1a?]',
    '\\x1a',
  ].join('|'),
  'g',
);

/** The inside of a character class: what the bytes `first` to `last` are in Latin-1 and the Windows pages. */
function charactersOfBytes(first: number, last: number, except = ''): string {
  const found = new Set<string>();
  for (const page of CODE_PAGES) {
    if (page.name !== 'latin-1' && !page.sloppy) continue;
    for (const c of page.characters.slice(first, last + 1)) if (!except.includes(c)) found.add(c);
  }
  return [...found].join('');
}

/** Runs of characters that are UTF-8 in some page. After a character that continues one, it would be the middle of a larger damage. */
const MISREAD_UTF8 = (() => {
  const continuation = `[${charactersOfBytes(0x80, 0xbf)} ]`;
  // Dashes, quotation marks, bullets and ellipses stand beside such text in their own right.
  const continuationOnly = charactersOfBytes(0x80, 0xbf, '–—―‘’‚“”„•…');
  return new RegExp(
    `(?<![${continuationOnly}])(?:` +
      `[${charactersOfBytes(0xc2, 0xdf)}]${continuation}|` +
      `[${charactersOfBytes(0xe0, 0xef)}]${continuation}{2}|` +
      `[${charactersOfBytes(0xf0, 0xf0)}${charactersOfBytes(0xf3, 0xf3)}]${continuation}{3})+`,
    'gu',
  );
})();
