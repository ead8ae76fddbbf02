import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomWeights } from '@tubelet/testing';
import { componentClasses } from '../../src/pipelines/component-classes.js';
import { hunyuanImageTemplate } from '../../src/pipelines/hunyuan/image-prompts.js';
import { hunyuanTemplate } from '../../src/pipelines/hunyuan/prompts.js';
import { clipTokenizer, type TokenizerJson, unigramTokenizer } from '../text/tiny-tokenizers.js';

type Json = Readonly<Record<string, unknown>>;

/** What a diffusers folder is made of; weights are random, and the same every time. */
export interface TinyPipeline {
  readonly className: string;
  /** By the names of their folders: class and config. */
  readonly models: Readonly<Record<string, readonly [className: string, config: Json]>>;
  readonly scheduler: Json;
  readonly tokenizers?: Readonly<Record<string, 'clip' | 't5' | 'llama' | 'llava'>>;
  /** The preprocessor_config.json of an `image_processor`. */
  readonly imageProcessor?: Json;
  /** More of model_index.json. */
  readonly index?: Json;
}

const tokenizerConfigs = {
  clip: {
    model_max_length: 12,
    bos_token: '<|startoftext|>',
    eos_token: '<|endoftext|>',
    pad_token: '<|endoftext|>',
  },
  llama: { model_max_length: 512 },
  llava: { model_max_length: 512 },
  t5: { model_max_length: 64, eos_token: '</s>', pad_token: '<pad>', unk_token: '<unk>' },
};

/** HunyuanVideo's template is 95 tokens: pieces of one length, the last one longer. */
function templateTokenizer(): TokenizerJson {
  const json = unigramTokenizer(true);
  const { before, tokens } = hunyuanTemplate;
  const length = Math.floor(before.length / tokens);
  const pieces = Array.from({ length: tokens }, (_, i) => {
    const end = i === tokens - 1 ? before.length : (i + 1) * length;
    const content = before.slice(i * length, end);
    return { id: 269 + i, content, special: true };
  });
  const added = [...(json.added_tokens as unknown[]), ...pieces];
  return { ...json, added_tokens: added };
}

/** The id of `<image>` in a `llava` tokenizer. */
export const imageToken = 269;

/** The template of an image is 103 tokens: those of the model, and the description in pieces. */
function imageTemplateTokenizer(): TokenizerJson {
  const json = unigramTokenizer(true);
  const { before, tokens } = hunyuanImageTemplate;
  const marks = ['<image>', '<|start_header_id|>', '<|end_header_id|>', '<|eot_id|>'];
  const words = ['system', 'user', 'assistant', '\n\n'];
  const from = before.indexOf('<image>') + '<image>'.length;
  const text = before.slice(from, before.indexOf('<|eot_id|>'));
  // Eleven tokens stand around it.
  const count = tokens - 11;
  const length = Math.floor(text.length / count);
  const pieces = Array.from({ length: count }, (_, i) =>
    text.slice(i * length, i === count - 1 ? text.length : (i + 1) * length),
  );
  const contents = [...marks, ...words, ...pieces];
  const added = contents.map((content, i) => ({ id: imageToken + i, content, special: true }));
  return { ...json, added_tokens: [...(json.added_tokens as unknown[]), ...added] };
}

const tokenizers = {
  clip: clipTokenizer,
  llama: templateTokenizer,
  llava: imageTemplateTokenizer,
  t5: () => unigramTokenizer(true),
};

/** Writes what `save_pretrained` would. */
export async function writePipeline(directory: string, of: TinyPipeline): Promise<void> {
  const index: Record<string, unknown> = { _class_name: of.className, ...of.index };
  const put = async (value: Json, ...path: string[]) => {
    const file = join(directory, ...path);
    await mkdir(join(file, '..'), { recursive: true });
    await writeFile(file, JSON.stringify(value));
  };
  for (const [name, [className, config]] of Object.entries(of.models)) {
    const isOfTransformers = /EncoderModel$|^CLIP|^Ll/.test(className);
    index[name] = [isOfTransformers ? 'transformers' : 'diffusers', className];
    const kind = isOfTransformers ? { architectures: [className] } : { _class_name: className };
    await put({ ...kind, ...config }, name, 'config.json');
    await writeModel(directory, name, className, { ...kind, ...config });
  }
  for (const [name, kind] of Object.entries(of.tokenizers ?? {})) {
    index[name] = ['transformers', 'PreTrainedTokenizerFast'];
    const json = tokenizers[kind]();
    await put(json, name, 'tokenizer.json');
    await put(tokenizerConfigs[kind], name, 'tokenizer_config.json');
  }
  if (of.imageProcessor) {
    index.image_processor = ['transformers', 'CLIPImageProcessor'];
    await put(of.imageProcessor, 'image_processor', 'preprocessor_config.json');
  }
  index.scheduler = ['diffusers', of.scheduler._class_name];
  await put(of.scheduler, 'scheduler', 'scheduler_config.json');
  await put(index, 'model_index.json');
}

/** Random weights of a model, some changed: new values, or null to leave one out. */
export async function writeModel(
  directory: string,
  name: string,
  className: string,
  config: Json,
  changes: Readonly<Record<string, readonly number[] | null>> = {},
): Promise<void> {
  const weights = randomWeights(componentClasses[className]!(config).graphs);
  const tensors = new Map<string, readonly number[]>();
  for (const [tensor, { shape }] of weights) tensors.set(tensor, shape);
  for (const [tensor, shape] of Object.entries(changes)) {
    if (shape) tensors.set(tensor, shape);
    else tensors.delete(tensor);
  }
  const header: Record<string, unknown> = {};
  const parts: Uint8Array[] = [];
  let end = 0;
  for (const [tensor, shape] of tensors) {
    const count = shape.reduce((product, size) => product * size, 1);
    const known = weights.get(tensor)?.values;
    const values = known?.length === count ? Float32Array.from(known) : new Float32Array(count);
    header[tensor] = { dtype: 'F32', shape, data_offsets: [end, end + 4 * count] };
    end += 4 * count;
    parts.push(new Uint8Array(values.buffer));
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  await mkdir(join(directory, name), { recursive: true });
  const file = join(directory, name, 'model.safetensors');
  await writeFile(file, Buffer.concat([length, text, ...parts]));
}

/** A folder that is taken away again. */
export async function temporaryFolder() {
  const path = await mkdtemp(join(tmpdir(), 'tubelet-'));
  return { path, remove: () => rm(path, { recursive: true }) };
}
