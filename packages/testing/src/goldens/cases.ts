import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { checkCogvideoxCase } from './cogvideox.js';
import { checkDitCase, checkDitDiffusersCase } from './dit.js';
import { checkFluxCase } from './flux.js';
import { checkHunyuanCase } from './hunyuan.js';
import { checkKlVaeCase } from './kl-vae.js';
import { checkLatteCase } from './latte.js';
import { checkLtxCase } from './ltx.js';
import { checkMochiCase } from './mochi.js';
import { checkPixartCase } from './pixart.js';
import { type CaseResult, checkSamplerCase } from './samplers.js';
import { checkSd3Case } from './sd3.js';
import { checkSpritesCase } from './sprites.js';
import { checkTextEncoderCase } from './text-encoders.js';
import { checkTokenizerCase } from './tokenizers.js';
import { checkUnetCase } from './unet.js';
import { checkVitCase } from './vit.js';
import { checkVivitCase } from './vivit.js';
import { checkWanCase } from './wan.js';
import { checkWanPipelineCase } from './wan-pipeline.js';
import { checkWanVaeCase } from './wan-vae.js';

/** What a run says about one case; `reason` is empty for a pass. */
export interface CaseVerdict {
  /** family/name */
  readonly case: string;
  readonly verdict: 'pass' | 'fail' | 'skip';
  readonly maxError: number | null;
  readonly tolerance: number | null;
  readonly reason: string;
}

type Check = (directory: string) => Promise<CaseResult & { readonly reason?: string }>;

/** The check of every family there is a model for: the folder of a case goes in. */
const checks: Readonly<Record<string, Check>> = {
  cogvideox: checkCogvideoxCase,
  dit: checkDitCase,
  'dit-diffusers': checkDitDiffusersCase,
  ltx: checkLtxCase,
  pixart: checkPixartCase,
  sd3: checkSd3Case,
  vit: checkVitCase,
  vivit: checkVivitCase,
  flux: checkFluxCase,
  hunyuan: checkHunyuanCase,
  'kl-vae': checkKlVaeCase,
  latte: checkLatteCase,
  mochi: checkMochiCase,
  samplers: checkSamplerCase,
  sprites: checkSpritesCase,
  'text-encoders': checkTextEncoderCase,
  tokenizers: checkTokenizerCase,
  unet: checkUnetCase,
  wan: checkWanCase,
  'wan-pipeline': checkWanPipelineCase,
  'wan-vae': checkWanVaeCase,
};

/** The cases of a folder of goldens, `family/name`, sorted. */
export async function listCases(folder: string): Promise<string[]> {
  const folders = async (path: string) => {
    const names = await readdir(path);
    const isFolder = await Promise.all(
      names.map(async (name) => (await stat(join(path, name))).isDirectory()),
    );
    return names.filter((_, i) => isFolder[i]).sort();
  };
  const families = await folders(folder);
  const cases = await Promise.all(
    families.map(async (family) =>
      (await folders(join(folder, family))).map((name) => `${family}/${name}`),
    ),
  );
  return cases.flat();
}

/** Runs one case. What refuses with the code UNSUPPORTED is a skip; any other error is a failure. */
export async function checkCase(folder: string, name: string): Promise<CaseVerdict> {
  const none = { case: name, maxError: null, tolerance: null };
  const family = name.split('/')[0];
  const check = checks[family];
  if (!check) return { ...none, verdict: 'skip', reason: `no check knows the family ${family}` };
  try {
    const { maxError, tolerance, reason: difference } = await check(join(folder, name));
    const isClose = maxError <= tolerance;
    const far = difference ?? `error must be = at most ${tolerance}, got ${maxError}`;
    const reason = isClose ? '' : far;
    return { case: name, maxError, tolerance, verdict: isClose ? 'pass' : 'fail', reason };
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: string };
    const verdict = code === 'UNSUPPORTED' ? 'skip' : 'fail';
    return { ...none, verdict, reason: message ?? String(error) };
  }
}
