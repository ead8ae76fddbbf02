import type { Fields } from './fields.js';
import type { TokenizerModel } from './model.js';
import type { Normalizer } from './normalizers.js';
import { escaped, type Section } from './split.js';

/** A token that is recognised in the text itself, before the model sees it. */
export interface AddedToken {
  readonly content: string;
  /** Only between characters that are not part of a word. */
  readonly singleWord: boolean;
  /** Takes the white space before (after) it along. */
  readonly leftStrip: boolean;
  readonly rightStrip: boolean;
  /** Looked for in the normalised text, in its own normalised form. */
  readonly normalized: boolean;
  /** Left out when tokens are decoded. */
  readonly special: boolean;
}

/** Added tokens with their ids. */
export interface AddedTokens {
  tokenId(content: string): number | undefined;
  /** What the token is when decoded: its normalised form, where it has one. */
  token(id: number): string | undefined;
  isSpecial(token: string): boolean;
  /** One more than the highest id. */
  readonly idLimit: number;
  /** Cuts a raw text at the tokens that are looked for as they stand. */
  splitRaw(text: string): (Section | number)[];
  /** Cuts a normalised section at the other ones. */
  splitNormalized(section: Section): (Section | number)[];
}

/** Reads one entry of `added_tokens` or of `added_tokens_decoder`. */
export function addedToken(config: Fields): AddedToken {
  const special = config.flag('special', false);
  return {
    content: config.text('content'),
    singleWord: config.flag('single_word', false),
    leftStrip: config.flag('lstrip', false),
    rightStrip: config.flag('rstrip', false),
    normalized: config.flag('normalized', !special),
    special,
  };
}

/**
 * Gives each token its id: that of the model where it has the token, else the next free one in the
 * order of `tokens`, as Hugging Face's tokenizers number them when they load a file.
 */
export function addedTokens(
  tokens: readonly AddedToken[],
  model: TokenizerModel,
  normalize: Normalizer,
): AddedTokens {
  const ids = new Map<string, number>();
  const byId = new Map<number, AddedToken>();
  const decoded = new Map<number, string>();
  const special = new Set<string>();
  const raw = new Map<string, number>();
  const normalized = new Map<string, number>();
  let nextId = model.size;
  for (const token of tokens) {
    if (token.content === '') continue;
    const id = ids.get(token.content) ?? model.tokenId(token.content) ?? nextId++;
    ids.set(token.content, id);
    byId.set(id, token);
    if (token.special) special.add(token.content);
  }
  for (const [id, token] of byId) {
    if (!token.normalized) {
      raw.set(token.content, id);
      decoded.set(id, token.content);
      continue;
    }
    const form = normalize({ text: token.content, atStart: true }).text;
    if (form !== '') normalized.set(form, id);
    decoded.set(id, form);
  }
  const splitRaw = splitter(raw, byId);
  return {
    tokenId: (content) => ids.get(content),
    token: (id) => decoded.get(id),
    isSpecial: (token) => special.has(token),
    idLimit: Math.max(model.size, ...[...byId.keys()].map((id) => id + 1)),
    splitRaw: (text) => splitRaw({ text, atStart: true }),
    splitNormalized: splitter(normalized, byId),
  };
}

const WORD = '[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]';
const ENDS_WITH_WORD = new RegExp(`${WORD}$`, 'u');
const STARTS_WITH_WORD = new RegExp(`^${WORD}`, 'u');
const SPACE = /\p{White_Space}/u;

/** Cuts a section at the tokens of `forms`: leftmost first, then the longest. */
function splitter(
  forms: ReadonlyMap<string, number>,
  byId: ReadonlyMap<number, AddedToken>,
): (section: Section) => (Section | number)[] {
  if (forms.size === 0) return (section) => (section.text === '' ? [] : [section]);
  const longestFirst = [...forms.keys()].sort((a, b) => b.length - a.length);
  const any = new RegExp(longestFirst.map(escaped).join('|'), 'gu');
  return ({ text, atStart }) => {
    const parts: (Section | number)[] = [];
    let last = 0;
    const pass = (end: number): void => {
      if (end > last) {
        parts.push({ text: text.slice(last, end), atStart: atStart && last === 0 });
      }
    };
    for (const match of text.matchAll(any)) {
      const id = forms.get(match[0])!;
      const token = byId.get(id)!;
      let start = match.index;
      let end = start + match[0].length;
      if (
        token.singleWord &&
        (ENDS_WITH_WORD.test(text.slice(Math.max(start - 2, 0), start)) ||
          STARTS_WITH_WORD.test(text.slice(end, end + 2)))
      ) {
        continue;
      }
      if (token.leftStrip) {
        while (start > last && SPACE.test(text[start - 1]!)) start--;
        // The token before may have taken the white space already.
        start = Math.max(start, last);
      }
      if (token.rightStrip) while (end < text.length && SPACE.test(text[end]!)) end++;
      pass(start);
      // A token of white space that the token before has taken is gone.
      if (end > start) parts.push(id);
      last = end;
    }
    pass(text.length);
    return parts;
  };
}
