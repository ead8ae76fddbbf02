import { fixText } from './fix-text.js';
import { unescapeHtml } from './html-entities.js';

/**
 * Cleans a prompt as diffusers' PixArt and Latte pipelines do (`_clean_caption`, diffusers 0.42.1, run twice as there): lower
 * case; without links, markup, names of users, Chinese characters, file names, long numbers and words of advertising.
 */
export function cleanCaption(text: string): string {
  return cleanOnce(cleanOnce(text));
}

/** In this order: each pattern meets what the ones before left. */
function cleanOnce(text: string): string {
  let caption = strip(unquotePlus(text)).toLowerCase().replaceAll('<person>', 'person');
  caption = replaceAll(caption, links);
  caption = replaceAll(textOfHtml(caption), beforeRepair);
  if ((caption.match(/[-_]/g) ?? []).length > 3) caption = caption.replace(/[-_]/g, ' ');
  caption = unescapeHtml(unescapeHtml(fixText(caption)));
  return strip(replaceAll(caption, afterRepair));
}

type Replacement = readonly [pattern: RegExp, by: string];

const domain = String.raw`[a-zA-Z0-9.\-]+[.](?:com|co|ru|net|org|edu|gov|it)[\w/\-]*\b/?(?!@)`;
const extensions = 'png|jpg|jpeg|bmp|webp|eps|pdf|apk|mp4';

const links: readonly Replacement[] = [
  [python(String.raw`\b(?:https?:(?:/{1,3}|[a-zA-Z0-9%])|${domain})`), ''],
  [python(String.raw`\b(?:www:(?:/{1,3}|[a-zA-Z0-9%])|${domain})`), ''],
];

const beforeRepair: readonly Replacement[] = [
  [python(String.raw`@[\w]+\b`), ''],
  [/[\u31c0-\u9fff]+/gu, ''],
  [
    /[-\u058a\u05be\u1400\u1806\u2010-\u2015\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u301c\u3030\u30a0\ufe31\ufe32\ufe58\ufe63\uff0d]+/gu,
    '-',
  ],
  [/[`´«»“”¨]/gu, '"'],
  [/[‘’]/gu, "'"],
  [/&quot;?/gu, ''],
  [/&amp/gu, ''],
  [python(String.raw`\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}`), ' '],
  [python(String.raw`\d:\d\d\s+$`), ''],
  [/\\n/gu, ' '],
  [python(String.raw`#\d{1,3}\b`), ''],
  [python(String.raw`#\d{5,}\b`), ''],
  [python(String.raw`\b\d{6,}\b`), ''],
  [python(String.raw`[\S]+\.(?:${extensions})`), ''],
  [/["']{2,}/gu, '"'],
  [/\.{2,}/gu, ' '],
  [/[#®•©™&@·º½¾¿¡§~)(\][}{|\\/*]+/gu, ' '],
  [python(String.raw`\s+\.\s+`), ' '],
];

const afterRepair: readonly Replacement[] = [
  [python(String.raw`\b[a-zA-Z]{1,3}\d{3,15}\b`), ''],
  [python(String.raw`\b[a-zA-Z]+\d+[a-zA-Z]+\b`), ''],
  [python(String.raw`\b\d+[a-zA-Z]+\d+\b`), ''],
  [python(String.raw`(?:worldwide\s+)?(?:free\s+)?shipping`), ''],
  [python(String.raw`(?:free\s)?download(?:\sfree)?`), ''],
  [python(String.raw`\bclick\b\s(?:for|on)\s\w+`), ''],
  [python(String.raw`\b(?:${extensions})(?:\simage[s]?)?`), ''],
  [python(String.raw`\bpage\s+\d+\b`), ''],
  [python(String.raw`\b\d*[a-zA-Z]+\d+[a-zA-Z]+\d+[a-zA-Z\d]*\b`), ' '],
  [python(String.raw`\b\d+\.?\d*[xх×]\d+\.?\d*\b`), ''],
  [python(String.raw`\b\s+:\s+`), ': '],
  [python(String.raw`(\D[,./])\b`), '$1 '],
  [python(String.raw`\s+`), ' '],
  [/^["']([\s\S]+)["']$/gu, '$1'],
  [/^['_,\-:;]/gu, ''],
  [/['_,\-:+]$/gu, ''],
  [python(String.raw`^\.\S+$`), ''],
];

function replaceAll(text: string, replacements: readonly Replacement[]): string {
  return replacements.reduce((now, [pattern, by]) => now.replace(pattern, by), text);
}

/** A pattern whose `\w`, `\d`, `\s` and `\b` are Python's: of all scripts, for a lone letter as for a class. */
function python(pattern: string): RegExp {
  const word = String.raw`\p{L}\p{N}_`;
  const space = String.raw`\x1c-\x1f\p{White_Space}`;
  const edge = `(?:(?<=[${word}])(?![${word}])|(?<![${word}])(?=[${word}]))`;
  const inside: Readonly<Record<string, string>> = { w: word, d: String.raw`\p{Nd}`, s: space };
  let isClass = false;
  const source = pattern.replace(/\\(.)|[[\]]/gs, (all, escaped?: string) => {
    if (escaped === undefined) {
      isClass = all === '[';
      return all;
    }
    if (escaped === 'b') return edge;
    // The patterns have \S as the only member of a class.
    if (escaped === 'S') return isClass ? `^${space}` : `[^${space}]`;
    if (escaped === 'D') return String.raw`\P{Nd}`;
    const members = inside[escaped];
    if (members === undefined) return all;
    return isClass ? members : `[${members}]`;
  });
  return new RegExp(source, 'gu');
}

/** Python's `str.strip`. */
function strip(text: string): string {
  return text.replace(python(String.raw`^\s+|\s+$`), '');
}

/** Python's `urllib.parse.unquote_plus`. */
function unquotePlus(text: string): string {
  return text.replaceAll('+', ' ').replace(/(?:%[0-9a-f]{2})+/gi, (run) => {
    const bytes = Uint8Array.from(run.match(/[0-9a-f]{2}/gi) ?? [], (hex) =>
      Number.parseInt(hex, 16),
    );
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  });
}

/** What BeautifulSoup calls the text: no tags, comments, declarations, scripts and styles; references resolved. */
function textOfHtml(html: string): string {
  const bare = html
    .replace(/<!--[\s\S]*?-->/g, '')
    .replace(/<(script|style|template)\b[^>]*>[\s\S]*?<\/\1\s*>/g, '')
    .replace(/<[!?][^>]*>/g, '')
    .replace(/<\/?[a-z](?:[^>"']|"[^"]*"|'[^']*')*>/g, '');
  return unescapeHtml(bare);
}
