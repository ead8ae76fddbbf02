import { TubeletError } from '../../errors.js';
import {
  type Conditions,
  type EncodedPrompt,
  encodeRequest,
  type PromptEncoder,
} from '../prompts.js';
import type { CheckedRequest, GenerateRequest, SizeConditions } from '../request.js';
import type { ClipPrompts } from './prompts.js';

/** What a branch is given. */
export interface UnetCondition extends EncodedPrompt {
  /** Heights and widths: the original, the corner of the crop, the target. Where the U-Net is told them. */
  readonly sizes?: readonly number[];
}

/** How many numbers {@link UnetCondition.sizes} are. */
export const sizeCount = 6;

/**
 * Text and sizes of a request (diffusers 0.42.1, encode_prompt and _get_add_time_ids).
 *
 * @param emptyIsZero whether an absent negative prompt is zeros in place of an empty text
 */
export async function encodeConditions(
  prompts: ClipPrompts,
  request: GenerateRequest,
  checked: CheckedRequest,
  { emptyIsZero, hasSizes }: { readonly emptyIsZero: boolean; readonly hasSizes: boolean },
): Promise<Conditions<UnetCondition>> {
  const { clipSkip = 0, negativePrompt, sizeConditions } = request;
  const { negativeSizeConditions = sizeConditions } = request;
  const skipping: PromptEncoder = {
    ...prompts,
    encode: (texts, options) =>
      prompts.encodeSkipping(
        texts,
        texts.map((_, i) => (i === 0 ? clipSkip : 0)),
        options,
      ),
  };
  const addsZeros = checked.guided && emptyIsZero && negativePrompt === undefined;
  const guided = checked.guided && !addsZeros;
  const { branches, warnings } = await encodeRequest(skipping, request, { ...checked, guided });
  const all = addsZeros ? [...branches, ...branches.map(zerosLike)] : branches;
  if (!hasSizes) return { branches: all, warnings };
  const sizes = [sizesOf(checked, sizeConditions), sizesOf(checked, negativeSizeConditions)];
  return { branches: all.map((branch, i) => ({ ...branch, sizes: sizes[i] })), warnings };
}

function zerosLike({ ids, embeddings, pooled }: EncodedPrompt): EncodedPrompt {
  const zeros = (values: Float32Array) => new Float32Array(values.length);
  return { ids, embeddings: zeros(embeddings), ...(pooled && { pooled: zeros(pooled) }) };
}

function sizesOf({ width, height }: CheckedRequest, given: SizeConditions = {}): readonly number[] {
  const size = { width, height };
  const { original = size, crop = { left: 0, top: 0 }, target = size } = given;
  return [original.height, original.width, crop.top, crop.left, target.height, target.width];
}

/** @throws TubeletError BAD_INPUT naming the option */
export function checkConditions(request: GenerateRequest, { mostSkipped }: ClipPrompts): void {
  const { clipSkip = 0 } = request;
  if (!(Number.isInteger(clipSkip) && clipSkip >= 0 && clipSkip <= mostSkipped))
    throw bad('clipSkip', `a whole number from 0 to ${mostSkipped}`, clipSkip);
  for (const name of ['sizeConditions', 'negativeSizeConditions'] as const) {
    const given = request[name];
    if (given !== undefined) checkSizes(name, given);
  }
}

const sides = {
  original: ['width', 'height'],
  crop: ['left', 'top'],
  target: ['width', 'height'],
} as const;

function checkSizes(name: string, given: SizeConditions): void {
  const isObject = (value: unknown) => typeof value === 'object' && value !== null;
  if (!isObject(given)) throw bad(name, Object.keys(sides).join(', '), given);
  for (const [part, value] of Object.entries(given)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(sides, part)) throw bad(name, Object.keys(sides).join(', '), part);
    const expected: readonly string[] = sides[part as keyof typeof sides];
    const isWhole = (side: unknown) => Number.isSafeInteger(side) && (side as number) >= 0;
    const good = isObject(value) && expected.every((side) => isWhole(Reflect.get(value, side)));
    const numbers = `whole numbers ${expected.join(' and ')} from 0`;
    if (!good) throw bad(`${name}.${part}`, numbers, JSON.stringify(value));
  }
}

function bad(what: string, expected: string, got: unknown): TubeletError {
  return new TubeletError('BAD_INPUT', 'generate', `${what} must be = ${expected}, got ${got}`);
}
