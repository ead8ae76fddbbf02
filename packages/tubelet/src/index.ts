export {
  type CleanPromptOptions,
  cleanPrompt,
  type EncodedText,
  type EncodeOptions,
  loadTokenizer,
  type Tokenizer,
} from './text/index.js';
