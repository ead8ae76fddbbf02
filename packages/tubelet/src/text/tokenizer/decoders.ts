import { byteLevelBytes } from './byte-level.js';
import { type Fields, ofKind } from './fields.js';
import { prependScheme } from './pre-tokenizers.js';
import { matches, pattern } from './split.js';

/** Turns tokens into the parts of a text; the parts are joined at the end. */
export type Decoder = (tokens: readonly string[]) => string[];

const lossyUtf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const strictUtf8 = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

const KINDS: Readonly<Record<string, (config: Fields) => Decoder>> = {
  Sequence: (config) => {
    const steps = config.objects('decoders').map(decoder);
    return (tokens) => steps.reduce((parts, step) => step(parts), [...tokens]);
  },
  ByteLevel: () => (tokens) => [
    lossyUtf8.decode(Uint8Array.from(tokens.flatMap((token) => [...byteLevelBytes(token)]))),
  ],
  ByteFallback: () => byteFallback,
  Metaspace: (config) => {
    const replacement = config.text('replacement', '▁');
    const dropsFirst = prependScheme(config) !== 'never';
    return (tokens) =>
      tokens.map((token, i) => token.replaceAll(replacement, i === 0 && dropsFirst ? '' : ' '));
  },
  BPEDecoder: (config) => {
    const suffix = config.text('suffix', '</w>');
    return (tokens) =>
      tokens.map((token, i) => token.replaceAll(suffix, i === tokens.length - 1 ? '' : ' '));
  },
  WordPiece: (config) => {
    const prefix = config.text('prefix', '##');
    const cleansUp = config.flag('cleanup', true);
    return (tokens) =>
      tokens.map((token, i) => {
        const continues = i > 0 && token.startsWith(prefix);
        const part = continues ? token.slice(prefix.length) : i > 0 ? ` ${token}` : token;
        return cleansUp ? cleanUp(part) : part;
      });
  },
  Replace: (config) => {
    const regex = pattern(config);
    const content = config.text('content');
    return (tokens) =>
      tokens.map((token) => {
        let result = '';
        let last = 0;
        for (const { start, end } of matches(regex, token)) {
          result += token.slice(last, start) + content;
          last = end;
        }
        return result + token.slice(last);
      });
  },
  Fuse: () => (tokens) => [tokens.join('')],
  Strip: (config) => {
    const content = config.text('content');
    const start = config.count('start');
    const stop = config.count('stop');
    return (tokens) =>
      tokens.map((token) => {
        const characters = Array.from(token);
        let from = 0;
        while (from < Math.min(start, characters.length) && characters[from] === content) from++;
        let to = characters.length;
        while (characters.length - to < stop && to > from && characters[to - 1] === content) to--;
        return characters.slice(from, to).join('');
      });
  },
};

/** @throws TubeletError for a kind or an option that is not supported. */
export function decoder(config: Fields): Decoder {
  return ofKind(KINDS, config);
}

/** Runs of byte tokens become characters; a run that is no UTF-8 becomes one U+FFFD per byte. */
function byteFallback(tokens: readonly string[]): string[] {
  const parts: string[] = [];
  let run: number[] = [];
  const endRun = (): void => {
    if (run.length === 0) return;
    try {
      parts.push(strictUtf8.decode(Uint8Array.from(run)));
    } catch {
      for (const _ of run) parts.push('\ufffd');
    }
    run = [];
  };
  for (const token of tokens) {
    const byte = /^<0x([0-9a-fA-F]{2})>$/.exec(token);
    if (byte !== null) {
      run.push(Number.parseInt(byte[1]!, 16));
    } else {
      endRun();
      parts.push(token);
    }
  }
  endRun();
  return parts;
}

/** Removes the blanks that word-piece tokens leave around English punctuation and contractions. */
function cleanUp(text: string): string {
  return text
    .replaceAll(' .', '.')
    .replaceAll(' ?', '?')
    .replaceAll(' !', '!')
    .replaceAll(' ,', ',')
    .replaceAll(" ' ", "'")
    .replaceAll(" n't", "n't")
    .replaceAll(" 'm", "'m")
    .replaceAll(' do not', " don't")
    .replaceAll(" 's", "'s")
    .replaceAll(" 've", "'ve")
    .replaceAll(" 're", "'re");
}
