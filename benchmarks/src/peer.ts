import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root } from './machine.js';

const folder = join(root, 'build/peers');
const version = '1.30.0';

/** What of onnxruntime-node is used here. */
export interface OnnxRuntime {
  readonly InferenceSession: {
    create(path: string, options: OnnxSessionOptions): Promise<OnnxSession>;
  };
  readonly Tensor: new (
    type: 'float32' | 'int64',
    data: Float32Array | BigInt64Array,
    dims: readonly number[],
  ) => OnnxTensor;
}

export interface OnnxTensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

export interface OnnxSession {
  readonly inputNames: readonly string[];
  run(feeds: Readonly<Record<string, OnnxTensor>>): Promise<Readonly<Record<string, OnnxTensor>>>;
  release(): Promise<void>;
}

export interface OnnxSessionOptions {
  readonly intraOpNumThreads: number;
  readonly interOpNumThreads: number;
  readonly graphOptimizationLevel: 'all';
}

export const peerName = `onnxruntime-node ${version}`;
export const peerAdvice = `peer absent: npm run bench -- install-peers puts ${peerName} into build/peers`;

export const onnxOptions = (threads: number): OnnxSessionOptions => ({
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  graphOptimizationLevel: 'all',
});

/** The peer, or undefined where it is not installed. */
export function loadOnnxRuntime(): OnnxRuntime | undefined {
  const require = createRequire(join(folder, 'package.json'));
  try {
    require.resolve('onnxruntime-node');
  } catch {
    return undefined;
  }
  return require('onnxruntime-node');
}

/** Installs the peers (291 MB) where the workspace's own install does not look. */
export function installPeers(): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  execFileSync(npm, ['install', '--no-audit', '--no-fund', `onnxruntime-node@${version}`], {
    cwd: folder,
    // The package's script would fetch CUDA libraries.
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}
