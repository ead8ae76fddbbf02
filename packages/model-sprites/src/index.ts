import { fileURLToPath } from 'node:url';

/** Absolute path of the model: a diffusers folder (`model_index.json`, `transformer/`, `vae/`, …). */
export const modelDirectory: string = fileURLToPath(new URL('../model', import.meta.url));
