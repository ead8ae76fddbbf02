/** A one-byte encoding that text may have been misread in. */
export interface CodePage {
  readonly name: string;
  /** The page is read the way browsers do: unassigned bytes are Latin-1, and U+FFFD stands for byte 0x1A. */
  readonly sloppy: boolean;
  /** The 256 characters of the page by byte. */
  readonly characters: string;
  /** The bytes that `text` would be in this page, one per UTF-16 unit, or undefined when a character is not in it. */
  encode(text: string): string | undefined;
}

const LATIN_1 = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join('');

/** Code pages in the order in which misreadings are tried: the likely ones first. */
export const CODE_PAGES: readonly CodePage[] = [
  codePage('latin-1', false, LATIN_1.slice(128)),
  codePage(
    'windows-1252',
    true,
    '€�‚ƒ„…†‡ˆ‰Š‹Œ�Ž��‘’“”•–—˜™š›œ�žŸ�¡¢£¤¥¦§¨©ª«¬�®¯°±²³´µ¶·¸¹º»¼½¾¿' +
      'ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ',
  ),
  codePage(
    'windows-1251',
    true,
    'ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—�™љ›њќћџ�ЎўЈ¤Ґ¦§Ё©Є«¬�®Ї°±Ііґµ¶·ё№є»јЅѕї' +
      'АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмнопрстуфхцчшщъыьэюя',
  ),
  codePage(
    'windows-1250',
    true,
    '€�‚�„…†‡�‰Š‹ŚŤŽŹ�‘’“”•–—�™š›śťžź�ˇ˘Ł¤Ą¦§¨©Ş«¬�®Ż°±˛ł´µ¶·¸ąş»Ľ˝ľż' +
      'ŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢßŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙',
  ),
  codePage(
    'windows-1253',
    true,
    '€�‚ƒ„…†‡�‰�‹�����‘’“”•–—�™�›�����΅Ά£¤¥¦§¨©�«¬�®―°±²³΄µ¶·ΈΉΊ»Ό½ΎΏ' +
      'ΐΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡ�ΣΤΥΦΧΨΩΪΫάέήίΰαβγδεζηθικλμνξοπρςστυφχψωϊϋόύώ�',
  ),
  codePage(
    'windows-1254',
    true,
    '€�‚ƒ„…†‡ˆ‰Š‹Œ����‘’“”•–—˜™š›œ��Ÿ�¡¢£¤¥¦§¨©ª«¬�®¯°±²³´µ¶·¸¹º»¼½¾¿' +
      'ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏĞÑÒÓÔÕÖ×ØÙÚÛÜİŞßàáâãäåæçèéêëìíîïğñòóôõö÷øùúûüışÿ',
  ),
  codePage(
    'windows-1257',
    true,
    '€�‚�„…†‡�‰�‹�¨ˇ¸�‘’“”•–—�™�›�¯˛���¢£¤�¦§Ø©Ŗ«¬�®Æ°±²³´µ¶·ø¹ŗ»¼½¾æ' +
      'ĄĮĀĆÄÅĘĒČÉŹĖĢĶĪĻŠŃŅÓŌÕÖ×ŲŁŚŪÜŻŽßąįāćäåęēčéźėģķīļšńņóōõö÷ųłśūüżž˙',
  ),
  codePage(
    'iso-8859-2',
    false,
    '���������������������������������Ą˘Ł¤ĽŚ§¨ŠŞŤŹ�ŽŻ°ą˛ł´ľśˇ¸šşťź˝žż' +
      'ŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢßŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙',
  ),
  codePage(
    'macroman',
    false,
    'ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø' +
      '¿¡¬√ƒ≈∆«»…\xa0ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\uf8ffÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ',
  ),
  codePage(
    'cp437',
    false,
    'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐' +
      '└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\xa0',
  ),
];

/** Windows-1252, what the web means by Latin-1. */
export const WINDOWS_1252 = CODE_PAGES[1]!;

/** `high` holds the characters of bytes 0x80 to 0xFF; U+FFFD marks those that are as in Latin-1. */
function codePage(name: string, sloppy: boolean, high: string): CodePage {
  const upper = Array.from(high, (c, i) => (c === '\ufffd' ? LATIN_1[128 + i]! : c)).join('');
  const lower = LATIN_1.slice(0, 128);
  const characters = (sloppy ? lower.replace('\x1a', '\ufffd') : lower) + upper;
  const bytes = new Map(Array.from(characters, (c, byte) => [c, LATIN_1[byte]!]));
  const encode = (text: string): string | undefined => {
    let encoded = '';
    for (let i = 0; i < text.length; i++) {
      const byte = bytes.get(text[i]!);
      if (byte === undefined) return undefined;
      encoded += byte;
    }
    return encoded;
  };
  return { name, sloppy, characters, encode };
}
