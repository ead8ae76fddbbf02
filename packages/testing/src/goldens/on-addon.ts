import { openDevice } from '@tubelet/runtime';
import type { RunGraph } from '../run-graph.js';
import { runOnDevice } from '../run-on-device.js';

let run: RunGraph | undefined;

/**
 * Runs graphs on the addon, on one device for all cases.
 *
 * @throws TubeletError UNSUPPORTED where no addon can be loaded
 */
export const onAddon: RunGraph = (...call) => {
  run ??= runOnDevice(openDevice());
  return run(...call);
};
