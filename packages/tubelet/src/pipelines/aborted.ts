import { TubeletError } from '../errors.js';

export function aborted(signal: AbortSignal): TubeletError {
  const message = 'the call must be = finished, got aborted';
  return new TubeletError('ABORTED', 'generate', message, { cause: signal.reason });
}
