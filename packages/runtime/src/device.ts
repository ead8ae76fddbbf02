import { TubeletError } from '@tubelet/graph';
import { type Device, type DeviceDescription, type Isa, loadAddon } from '@tubelet/native';
import { availableThreads } from './available-threads.js';

/** What is used of a machine. */
export interface DeviceOptions {
  /** @defaultValue the environment's TUBELET_DEVICE, else `'cpu'` */
  readonly kind?: 'cpu' | 'cuda';
  /**
   * 1 to 1024; CPU only.
   * @defaultValue the environment's TUBELET_THREADS, else as many as the process may use at once
   */
  readonly threads?: number;
  /**
   * Highest instruction set to use; CPU only.
   * @defaultValue the environment's TUBELET_ISA, else the widest this machine runs
   */
  readonly isa?: Isa;
}

/**
 * Opens a device. It has a thread of its own, so that no call blocks JavaScript's; release it with
 * `dispose()` or `using`, which closes all that was made by it.
 *
 * @throws TubeletError BAD_INPUT for a wrong option, UNSUPPORTED for a kind or instruction set that
 * this machine lacks or when no addon can be loaded
 */
export function openDevice(options: DeviceOptions = {}): Device {
  const known = ['kind', 'threads', 'isa'];
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new TubeletError(
      'BAD_INPUT',
      'device',
      `options must be = ${known.join(', ')}, got "${unknown}"`,
    );
  }
  const { Device } = loadAddon();
  const kind = options.kind ?? ((process.env.TUBELET_DEVICE || 'cpu') as 'cpu' | 'cuda');
  // The environment's settings are the CPU's; options that another kind does not have are refused by it.
  if (kind !== 'cpu') return new Device({ ...options, kind });
  return new Device({
    kind,
    threads: options.threads ?? threadsOf(process.env.TUBELET_THREADS) ?? availableThreads(),
    isa: options.isa ?? ((process.env.TUBELET_ISA || undefined) as Isa | undefined),
  });
}

/**
 * The precision to take where nobody asks for another: bf16 where the device multiplies it at twice the rate of f32. Never
 * int8, which moves results further.
 */
export function fastestPrecision({ isa }: Pick<Device, 'isa'>): 'f32' | 'bf16' {
  return isa === 'avx512_bf16' || isa === 'amx' || isa.startsWith('sm_') ? 'bf16' : 'f32';
}

/** What this machine has, kind by kind, and why the rest cannot be used. */
export function devices(): readonly DeviceDescription[] {
  return JSON.parse(loadAddon().devices());
}

function threadsOf(text: string | undefined): number | undefined {
  if (!text) return undefined;
  const threads = Number(text);
  if (Number.isInteger(threads) && threads >= 1 && threads <= 1024) return threads;
  throw new TubeletError(
    'BAD_INPUT',
    'device',
    `TUBELET_THREADS must be = a whole number from 1 to 1024, got "${text}"`,
  );
}
