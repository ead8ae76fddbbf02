import { stat } from 'node:fs/promises';
import type { Lora } from './lora.js';

/** How many sets stay when nobody uses them. */
const most = 4;

/** What is made of one set of LoRAs, and how many work with it. */
interface LoraSet<Made> {
  readonly made: Promise<Made>;
  users: number;
}

/**
 * What is made of sets of LoRAs, the latest ones: each once, however many use it.
 *
 * @param dispose of one that is old and unused; else it is collected
 */
export function loraSets<Made>(
  open: (loras: readonly Lora[]) => Promise<Made>,
  dispose: (made: Made) => void = () => undefined,
) {
  const sets = new Map<string, LoraSet<Made>>();

  const dropOld = () => {
    const idle = [...sets].filter(([, { users }]) => users === 0);
    for (const [key, { made }] of idle.slice(0, Math.max(0, sets.size - most))) {
      sets.delete(key);
      made.then(dispose, () => undefined);
    }
  };
  return {
    async lend<Result>(
      loras: readonly Lora[],
      work: (made: Made) => Promise<Result>,
    ): Promise<Result> {
      const key = await keyOf(loras);
      const set = sets.get(key) ?? { made: open(loras), users: 0 };
      // The latest stands last.
      sets.delete(key);
      sets.set(key, set);
      set.users += 1;
      try {
        return await work(await set.made);
      } finally {
        set.users -= 1;
        const isGood = await set.made.then(
          () => true,
          () => false,
        );
        if (!isGood && sets.get(key) === set) sets.delete(key);
        dropOld();
      }
    },
  };
}

/** A file that has changed is another one. */
async function keyOf(loras: readonly Lora[]): Promise<string> {
  const parts = loras.map(async ({ path, scale = 1 }) => {
    const found = await stat(path).catch(() => undefined);
    return [path, scale, found?.mtimeMs, found?.size];
  });
  return JSON.stringify(await Promise.all(parts));
}
