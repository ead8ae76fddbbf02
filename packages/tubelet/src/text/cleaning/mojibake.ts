/**
 * Does a text look as if UTF-8 had been read in another encoding? The rules are ftfy 6.3's badness
 * heuristic (Robyn Speer, Apache-2.0), because Wan's pipelines clean their prompts with it: some
 * kinds of character hardly ever stand next to each other in text that somebody meant.
 */

// Each constant is the inside of a character class.
const COMMON = '\\xa0\\xad·´–—―…’';
const C1 = '\\x80-\\x9f';
const BAD = '¦¤¨¬¯¸ƒˆˇ˘˛˜†‡‰⌐◊\\ufffdªº';
const LAW = '¶§';
const CURRENCY = '¢£¥₧€';
const OPENING = '¡«¿©΄΅‘‚“„•‹\\uf8ff';
const CLOSING = '®»˝”›™';
const NUMERIC = '²³¹±¼½¾×µ÷⁄∂∆∏∑√∞∩∫≈≠≡≤≥№';
// Letters of emoticon faces may stand where others would be suspicious.
const KAOMOJI = 'Ò-ÖÙ-Üò-öø-üŐŌŪŲ°';
const UPPER_ACCENTED = 'À-ÑØÜÝĂĀĄĆČĎĐĘĚĒĖĞĢİĪĶĹĽŁĻŃŇŅŒŘŚŞŠŢŤŮŰŸŹŻŽҐ';
const LOWER_ACCENTED = 'ßà-ñăąāćčďđęěēėğģįīķĺľłļœŕśşšťüźżžґ\\ufb01\\ufb02';
const UPPER_COMMON = 'ÞΑ-ΩΆΈΉΊΌΎΏΪΫЁ-Я';
const LOWER_COMMON = 'α-ωάέήίΰа-џ';
const BOX = '│┌┐┘├┤┬┼═-╬▀▄█▌▐░▒▓';

const ACCENTED = LOWER_ACCENTED + UPPER_ACCENTED;
const SYMBOLS = BOX + OPENING + CLOSING + CURRENCY + NUMERIC + LAW;
// Python's \s and \w, where they differ from JavaScript's.
const SPACE = '[\\t-\\r\\x1c- \\x85\\p{White_Space}]';
const WORD = '[\\p{L}\\p{N}_]';
const ARABIC_PAIR = `[ØÙ][${COMMON}${CURRENCY}${BAD}${NUMERIC}${OPENING}ŸŠ®°µ»]`;

const UNLIKELY = [
  `[${C1}]`,
  `[${BAD}${ACCENTED}${SYMBOLS}][${BAD}]`,
  `[a-zA-Z][${LOWER_COMMON}${UPPER_COMMON}][${BAD}]`,
  `[${BAD}][${ACCENTED}${SYMBOLS}]`,
  `[${LOWER_ACCENTED}${LOWER_COMMON}${BOX}${CLOSING}${CURRENCY}${NUMERIC}][${UPPER_ACCENTED}]`,
  `[${BOX}${CLOSING}${CURRENCY}${NUMERIC}][${LOWER_ACCENTED}]`,
  `[${LOWER_ACCENTED}${BOX}${CLOSING}][${CURRENCY}]`,
  `${SPACE}[${UPPER_ACCENTED}][${CURRENCY}]`,
  `[${UPPER_ACCENTED}${BOX}][${NUMERIC}${LAW}]`,
  `[${ACCENTED}${BOX}${CURRENCY}${CLOSING}][${OPENING}][${NUMERIC}]`,
  `[${ACCENTED}${CURRENCY}${NUMERIC}${BOX}${LAW}][${CLOSING}][${OPENING}]`,
  `[${CURRENCY}${NUMERIC}${BOX}][${OPENING}]`,
  `[a-z][${UPPER_ACCENTED}][${OPENING}${CURRENCY}]`,
  `[${BOX}][${KAOMOJI}]`,
  `[${ACCENTED}${CURRENCY}${NUMERIC}${OPENING}${CLOSING}${LAW}][${BOX}]`,
  `[${BOX}][${CLOSING}]`,
  `[${ACCENTED}][${OPENING}${CLOSING}]${WORD}`,
  '[Œœ][^A-Za-z]',
  `[${UPPER_ACCENTED}]°`,
  // Windows-1252 read as such: frequent pairs, Arabic, South Asian alphabets.
  `[ÂÃÎÐ][€œŠš¢£Ÿž\\xa0\\xad®©°·»${OPENING}${CLOSING}–—´]`,
  '×[²³]',
  `${ARABIC_PAIR}${ARABIC_PAIR}`,
  'à[²µ¹¼½¾]',
  // MacRoman.
  '√[±∂†≠®™´≤≥¥µø]',
  '≈[°¢]',
  '‚Ä[ìîïòôúùû†°¢π]',
  '‚[âó][àä°ê]',
  // Windows-1251, and it on top of Windows-1252.
  'вЂ',
  `[ВГРС][${C1}${BAD}${OPENING}${CLOSING}${CURRENCY}°µ][ВГРС]`,
  'ГўВЂВ.[A-Za-z ]',
  // à, á and the no-break space.
  'Ã[\\xa0¡]',
  `[a-z]${SPACE}?[ÃÂ][ ]`,
  '^[ÃÂ][ ]',
  `[a-z.,?!${CLOSING}]Â[ ${OPENING}${CLOSING}]`,
  // Windows-1253.
  'β€[™\\xa0Ά\\xad®°]',
  `[ΒΓΞΟ][${C1}${BAD}${OPENING}${CLOSING}${CURRENCY}°][ΒΓΞΟ]`,
  // Windows-1257.
  'ā€',
];

const UNLIKELY_SEQUENCE = new RegExp(UNLIKELY.join('|'), 'u');

/** True when `text` holds a sequence of characters that is more likely misread UTF-8 than meant. */
export function looksLikeMojibake(text: string): boolean {
  return UNLIKELY_SEQUENCE.test(text);
}
