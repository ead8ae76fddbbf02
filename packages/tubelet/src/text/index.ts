export { cleanCaption } from './cleaning/clean-caption.js';
export { type CleanPromptOptions, cleanPrompt } from './cleaning/clean-prompt.js';
export { loadTokenizer, requireTokenizerFiles } from './tokenizer/load-tokenizer.js';
export type { EncodedText, EncodeOptions, Tokenizer } from './tokenizer/tokenizer.js';
