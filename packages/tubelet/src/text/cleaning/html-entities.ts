import { decodeHTML, decodeHTMLStrict } from 'entities';
import { WINDOWS_1252 } from './code-pages.js';

const REFERENCE = /&(?:#(?:[xX]([0-9a-fA-F]+)|([0-9]+));?|[^\t\n\f <&#;]{1,32};?)/gu;

/**
 * Python's `html.unescape`: numeric references, named ones, and the old names without a semicolon
 * even as the beginning of a longer word (`&notit;` gives `¬it;`). Characters that HTML forbids are
 * dropped, impossible ones become U+FFFD, and 0x80 to 0x9F are Windows-1252.
 */
export function unescapeHtml(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(REFERENCE, (reference, hex?: string, decimal?: string) => {
    if (hex !== undefined) return characterOf(Number.parseInt(hex, 16));
    if (decimal !== undefined) return characterOf(Number.parseInt(decimal, 10));
    return decodeHTML(reference);
  });
}

function characterOf(point: number): string {
  if (point === 0) return '\ufffd';
  if (point === 0x0d) return '\r';
  if (point >= 0x80 && point <= 0x9f) return WINDOWS_1252.characters[point]!;
  if ((point >= 0xd800 && point <= 0xdfff) || point > 0x10ffff) return '\ufffd';
  const forbidden =
    (point < 0x20 && point !== 0x09 && point !== 0x0a && point !== 0x0c) ||
    point === 0x7f ||
    (point >= 0xfdd0 && point <= 0xfdef) ||
    (point & 0xfffe) === 0xfffe;
  return forbidden ? '' : String.fromCodePoint(point);
}

/**
 * Replaces whole references only, as ftfy does: the semicolon is required, and a name in capitals
 * is read like the small one where it means nothing else (`P&EACUTE;REZ`).
 */
export function unescapeWholeEntities(text: string): string {
  return text.replace(/&#?[0-9A-Za-z]{1,24};/g, (reference) => {
    if (reference.startsWith('&#')) {
      const character = unescapeHtml(reference);
      return character.includes(';') ? reference : character;
    }
    const named = decodeHTMLStrict(reference);
    if (named !== reference) return named;
    if (reference !== reference.toUpperCase() || unescapeHtml(reference) !== reference) {
      return reference;
    }
    const small = decodeHTMLStrict(reference.toLowerCase());
    return small === reference.toLowerCase() ? reference : small.toUpperCase();
  });
}
