import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where the goldens are: TUBELET_GOLDENS, else ../shared/goldens beside the repository; undefined where absent. */
export function goldensFolder(): string | undefined {
  const repository = fileURLToPath(new URL('../../../..', import.meta.url));
  const folder = process.env.TUBELET_GOLDENS ?? resolve(repository, '../shared/goldens');
  return existsSync(folder) ? folder : undefined;
}
