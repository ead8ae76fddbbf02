import { classifierFree, unguided } from '@tubelet/diffusion';
import type { Family } from './pipeline.js';
import { type EncodedPrompt, encodeRequest, type PromptEncoder } from './prompts.js';
import type { GenerateRequest } from './request.js';

/**
 * Of models whose guidance scale is an input: guidance by a second prediction besides, where a negative prompt and a
 * `trueGuidanceScale` above 1 ask for it (diffusers' `true_cfg_scale`).
 */
export function trueGuidance(
  prompts: PromptEncoder,
): Required<Pick<Family<EncodedPrompt>, 'isGuided' | 'guidance' | 'condition'>> {
  return {
    isGuided,
    guidance: (request) =>
      isGuided(request) ? classifierFree({ scale: request.trueGuidanceScale! }) : unguided,
    async condition(request, checked) {
      const { branches, warnings } = await encodeRequest(prompts, request, checked);
      if (checked.guided || !request.negativePrompt) return { branches, warnings };
      const unused = 'the negative prompt has no effect without a trueGuidanceScale above 1';
      return { branches, warnings: [...warnings, unused] };
    },
  };
}

function isGuided({ negativePrompt, trueGuidanceScale = 1 }: GenerateRequest): boolean {
  return negativePrompt !== undefined && trueGuidanceScale > 1;
}
