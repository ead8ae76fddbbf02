import {
  type Conditions,
  type EncodedPrompt,
  encodeRequest,
  type PromptEncoder,
} from './prompts.js';
import type { CheckedRequest, GenerateRequest } from './request.js';

/**
 * Of models whose guidance scale is an input: whether there is guidance by a second prediction besides (diffusers'
 * `true_cfg_scale`).
 */
export function isTrulyGuided({ negativePrompt, trueGuidanceScale = 1 }: GenerateRequest): boolean {
  return negativePrompt !== undefined && trueGuidanceScale > 1;
}

/** The prompts, and a warning where the negative one is not used. */
export async function encodeTrulyGuided(
  prompts: PromptEncoder,
  request: GenerateRequest,
  checked: CheckedRequest,
): Promise<Conditions<EncodedPrompt>> {
  const { branches, warnings } = await encodeRequest(prompts, request, checked);
  if (checked.guided || !request.negativePrompt) return { branches, warnings };
  const unused = 'the negative prompt has no effect without a trueGuidanceScale above 1';
  return { branches, warnings: [...warnings, unused] };
}
