import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * Runs a program of src/children in a process of its own, and resolves with what it answers.
 *
 * @param name of the program
 * @param question what it is given, as JSON
 */
export function askChild<Answer>(name: string, question: object): Promise<Answer> {
  const path = fileURLToPath(new URL(`./children/${name}.js`, import.meta.url));
  return new Promise((resolve, reject) => {
    const child = fork(path, [JSON.stringify(question)], { stdio: ['ignore', 2, 2, 'ipc'] });
    let answer: Answer | undefined;
    child.on('message', (message) => {
      answer = message as Answer;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0 && answer !== undefined) resolve(answer);
      else reject(new Error(`${name} in a process of its own ended with ${signal ?? code}`));
    });
  });
}

/** In a child: answers the parent, then lets the process end. */
export function answer(result: object): void {
  process.send?.(result);
  process.disconnect?.();
}

/** In a child: what the parent gave. */
export function question<Question>(): Question {
  return JSON.parse(process.argv[2]);
}

/** Most memory this process has had resident, in megabytes. */
export function peakMegabytes(): number {
  return (process.resourceUsage().maxRSS * 1024) / 1e6;
}
