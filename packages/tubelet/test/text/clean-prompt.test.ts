import { describe, expect, it } from 'vitest';
import { cleanPrompt } from '../../src/text/index.js';

/** What Python gives: ftfy 6.3.1's fix_text, html.unescape twice, strip, `\s+` to a blank, strip. */
const CLEANED: [what: string, text: string, cleaned: string][] = [
  ['nothing', '', ''],
  ['white space of every kind', ' a \t\n\u3000\u2003b\u00a0 ', 'a b'],
  ['separators that are control characters', 'a\x1cb\x1fc', 'abc'],
  ['no white space at a byte order mark', 'a\ufeffb', 'ab'],
  ['full width', 'ＡＢＣ，１２３！', 'ABC,123!'],
  ['half-width katakana', 'ｱｲｳﾞ', 'アイヴ'],
  ['other Chinese punctuation', '、。《》「」', '、。《》「」'],
  ['curly quotes', '“it’s” ‘so’', "\"it's\" 'so'"],
  ['ligatures', 'ﬁne ﬂuﬃ ĳs ǆ æ', 'fine fluffi ijs dž æ'],
  ['decomposed letters', 'e\u0301a\u030a', 'éå'],
  ['control characters', 'a\0b\x07c\u206ad\ufffc', 'abcd'],
  ['terminal colours', '\x1b[31;1mred\x1b[0m', 'red'],
  ['joiners stay', '👩\u200d👧 a\u200b', '👩\u200d👧 a\u200b'],
  ['lone surrogates', 'a\ud83db', 'a\ufffdb'],
  ['line breaks', 'a\r\nb\rc\u2028d\x85e', 'a b c d…e'],

  ['entities', '&amp; &lt;b&gt; &eacute; &#20013;&#x6587;', '& <b> é 中文'],
  ['an entity in capitals', 'P&EACUTE;REZ &SZLIG;', 'PÉREZ SS'],
  ['entities of entities', '&amp;amp;amp;lt;', '<'],
  ['entities beside markup', '<b>&amp;amp;</b>', '<b>&</b>'],
  ['markup in an earlier line', '<\n&amp;amp;amp;', '< &amp;'],
  ['no semicolon', '&copy &notit; &notin; AT&T R&D', '© ¬it; ∉ AT&T R&D'],
  ['numbers that are no characters', '&#0;&#xD800;&#x110000;&#1;&#128;', '\ufffd\ufffd\ufffd€'],
  ['no entity', '&nosuchthing; & &; &#; &#x;', '&nosuchthing; & &; &#; &#x;'],

  ['UTF-8 read as Windows-1252', 'schÃ¶n fÃ¼r â€œdichâ€\x9d', 'schön für "dich"'],
  ['twice', 'cafÃƒÂ©', 'café'],
  ['UTF-8 read as MacRoman', 'na√Øve', 'naïve'],
  ['UTF-8 read as Windows-1251', 'РїСЂРёРІРµС‚', 'привет'],
  ['UTF-8 read as cp437', '├⌐t├⌐', 'été'],
  ['with lost bytes', 'â€œquotedâ€\ufffd', '"quoted\ufffd'],
  ['with a blank for the no-break space', 'voilÃ  le travail', 'voilà le travail'],
  ['in a part of the text', '猫 cafÃ© Łódź', '猫 café Łódź'],
  ['CESU-8', 'í\xa0½í¸\x8d', '😍'],
  ['C1 controls', 'a\x93b\x94', 'a"b"'],
  ['text that is meant', 'Ångström à la São Paulo ½ £5 ÀÉ', 'Ångström à la São Paulo ½ £5 ÀÉ'],
];

describe('cleanPrompt', () => {
  it.each(CLEANED)('%s', (_, text, cleaned) => {
    expect(cleanPrompt(text)).toBe(cleaned);
  });

  it.each([
    ['“quotes” ＡＢＣ', '“quotes” ＡＢＣ'],
    ['&amp;amp;amp; x', '&amp; x'],
    ['a\x1c\x85b\ufeff', 'a b\ufeff'],
  ])('without repairs: %j', (text, cleaned) => {
    expect(cleanPrompt(text, { fixText: false })).toBe(cleaned);
  });

  it.each(['a', 'Ã©', 'Ã ', '&amp', '\x1b[;', ' ', 'é', '<'])('50,000 times %j', (part) => {
    const text = part.repeat(50_000);
    expect(cleanPrompt(cleanPrompt(text))).toBe(cleanPrompt(text));
  });
});
