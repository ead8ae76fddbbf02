import { type Fields, malformed, ofKind } from './fields.js';

/** Tokens put around those of the text. */
export interface PostProcessor {
  /** How many tokens {@link apply} adds. */
  readonly added: number;
  apply(ids: readonly number[]): number[];
}

const KINDS: Readonly<Record<string, (config: Fields) => PostProcessor>> = {
  Sequence: (config) => {
    const steps = config.objects('processors').map(postProcessor);
    return {
      added: steps.reduce((sum, step) => sum + step.added, 0),
      apply: (ids) =>
        steps.reduce<readonly number[]>((result, step) => step.apply(result), ids).slice(),
    };
  },
  TemplateProcessing: (config) => {
    const specialTokens = config.object('special_tokens');
    const before: number[] = [];
    const after: number[] = [];
    let texts = 0;
    for (const piece of config.objects('single')) {
      const sequence = piece.object('Sequence');
      if (sequence !== undefined) {
        texts += sequence.text('id') === 'A' ? 1 : Number.NaN;
        continue;
      }
      const name = piece.object('SpecialToken')?.text('id') ?? '';
      const token = specialTokens?.object(name);
      if (token === undefined)
        throw malformed(`${piece.where}.SpecialToken.id`, 'one of special_tokens', name);
      (texts === 0 ? before : after).push(
        ...token.list('ids').map((id) => tokenId(id, token.where)),
      );
    }
    if (texts !== 1)
      throw malformed(`${config.where}.single`, 'the sequence A once', config.value('single'));
    return around(before, after);
  },
  BertProcessing: (config) => around(namedToken(config, 'cls'), namedToken(config, 'sep')),
  RobertaProcessing: (config) => around(namedToken(config, 'cls'), namedToken(config, 'sep')),
  // Changes offsets only.
  ByteLevel: () => around([], []),
};

/** @throws TubeletError for a kind or an option that is not supported. */
export function postProcessor(config: Fields): PostProcessor {
  return ofKind(KINDS, config);
}

function around(before: readonly number[], after: readonly number[]): PostProcessor {
  return {
    added: before.length + after.length,
    apply: (ids) => [...before, ...ids, ...after],
  };
}

function namedToken(config: Fields, name: string): number[] {
  const pair = config.list(name);
  return [tokenId(pair[1], `${config.where}.${name}`)];
}

function tokenId(value: unknown, where: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0)
    throw malformed(where, 'a token id', value);
  return value as number;
}
