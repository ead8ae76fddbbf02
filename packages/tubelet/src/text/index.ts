export { type CleanPromptOptions, cleanPrompt } from './cleaning/clean-prompt.js';
export { loadTokenizer } from './tokenizer/load-tokenizer.js';
export type { EncodedText, EncodeOptions, Tokenizer } from './tokenizer/tokenizer.js';
