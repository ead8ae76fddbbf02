import type { RunOptions, Weights } from '@tubelet/runtime';
import type { EncodedText } from '../text/index.js';
import type { CheckedRequest, GenerateRequest } from './request.js';

/** A prompt as the transformer attends it. */
export interface EncodedPrompt {
  /** Tokens of the cleaned text, special ones included, not padded; with several text encoders those of the last. */
  readonly ids: readonly number[];
  /** [tokens, dim], padding included where the transformer attends it. */
  readonly embeddings: Float32Array;
  /** One embedding of the whole text, for models that have one. */
  readonly pooled?: Float32Array;
}

/** Prompts to embeddings, as the pipeline of diffusers encodes them. */
export interface PromptEncoder {
  readonly weights: readonly Weights[];
  /** Cleans a prompt and cuts it: its tokens for each text encoder. */
  tokenize(prompt: string): readonly EncodedText[];
  encode(
    texts: readonly (readonly EncodedText[])[],
    options?: RunOptions,
  ): Promise<readonly EncodedPrompt[]>;
}

/** What a request's branches are given, the conditional one first, and what the caller should know. */
export interface Conditions<Condition> {
  readonly branches: readonly Condition[];
  readonly warnings: readonly string[];
  /** The latent frames of the request's image that stay as they are. */
  readonly held?: HeldFrames;
  /** What the start is mixed with. */
  readonly mixed?: MixedStart;
}

/** Some latent frames that stay as they are: [channels, held frames, height, width], the first ones. */
export interface HeldFrames {
  readonly frames: number;
  readonly values: Float32Array;
}

/** Latents that stand in the start beside the noise: share · noise + (1 - share) · values. */
export interface MixedStart {
  /** [channels, frames, height, width] */
  readonly values: Float32Array;
  readonly share: number;
}

/** The prompt, and for guidance the negative one. */
export async function encodeRequest(
  prompts: PromptEncoder,
  { prompt = '', negativePrompt = '', signal, onProgress }: GenerateRequest,
  { guided }: CheckedRequest,
): Promise<Conditions<EncodedPrompt>> {
  const given = [prompt, ...(guided ? [negativePrompt] : [])];
  const total = given.length;
  onProgress?.({ stage: 'tokens', done: 0, total });
  const texts = given.map((text) => prompts.tokenize(text));
  onProgress?.({ stage: 'tokens', done: total, total });
  const warnings = texts.flatMap((encoded, i) =>
    encoded.flatMap((text) => cutWarning(i === 0 ? 'prompt' : 'negative prompt', text)),
  );
  onProgress?.({ stage: 'text', done: 0, total });
  const branches = await prompts.encode(texts, { signal });
  onProgress?.({ stage: 'text', done: total, total });
  return { branches, warnings: [...new Set(warnings)] };
}

/** At most one sentence: how much of a text did not fit, and how it begins. */
function cutWarning(what: string, { ids, droppedTokens, droppedText }: EncodedText): string[] {
  if (droppedTokens === 0) return [];
  const shown = 80;
  const text = droppedText ?? '';
  const quoted = text.length > shown ? `${text.slice(0, shown)}…` : text;
  return [
    `the ${what} is longer than ${ids.length} tokens: ${droppedTokens} were dropped, "${quoted}"`,
  ];
}
