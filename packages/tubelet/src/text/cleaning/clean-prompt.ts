import { fixText } from './fix-text.js';
import { unescapeHtml } from './html-entities.js';

/** How {@link cleanPrompt} cleans. */
export interface CleanPromptOptions {
  /**
   * Repair the text as ftfy does before anything else. The pipelines leave it out where ftfy is not
   * installed. Default true.
   */
  readonly fixText?: boolean;
}

/**
 * Cleans a prompt as diffusers' Wan pipelines do (`prompt_clean`, diffusers 0.42.1): ftfy's repairs,
 * HTML entities twice, white space to single blanks. Chinese full-width punctuation becomes ASCII
 * and curly quotes straight, so prompts must be cleaned to get the tokens of the original.
 */
export function cleanPrompt(text: string, options: CleanPromptOptions = {}): string {
  const fixed = options.fixText === false ? text : fixText(text);
  return unescapeHtml(unescapeHtml(fixed)).replace(WHITE_SPACE, ' ').replace(/^ | $/g, '');
}

/** Python's `\s`: with the information separators U+001C to U+001F and U+0085, without U+FEFF. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the separators count as white space in Python
const WHITE_SPACE = /[\x1c-\x1f\p{White_Space}]+/gu;
