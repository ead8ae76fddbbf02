// Sets up what is missing and runs every test. Ends with the line `N passed, N failed, N skipped`.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setup } from './setup.mjs';
import { cache, main, packageProgram, runLoudly, StepError } from './workspace.mjs';

const report = join(cache, 'tests.json');

// A file that fails before its first test (an import error) has no test to count: it counts as one failure.
function count({ testResults }) {
  const tests = testResults.flatMap((file) => file.assertionResults);
  const are = (...states) => tests.filter((test) => states.includes(test.status)).length;
  const brokenFiles = testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((t) => t.status === 'failed'),
  ).length;
  return {
    passed: are('passed'),
    failed: are('failed') + brokenFiles,
    skipped: tests.length - are('passed', 'failed'),
  };
}

async function runTests() {
  await setup({ tests: true });
  rmSync(report, { force: true });
  const vitest = packageProgram('vitest', 'vitest.mjs');
  const options = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const args = ['run', ...options, ...process.argv.slice(2)];
  const code = await runLoudly(process.execPath, [vitest, ...args]);
  if (!existsSync(report)) throw new StepError('vitest left no report');
  const counts = count(JSON.parse(readFileSync(report, 'utf8')));
  // Errors outside any test (an unhandled rejection) fail the run too.
  if (code !== 0 && counts.failed === 0) counts.failed = 1;
  return counts;
}

await main(async () => {
  const { passed, failed, skipped } = await runTests().catch((error) => {
    console.error(error instanceof StepError ? error.message : error);
    return { passed: 0, failed: 1, skipped: 0 };
  });
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  return failed > 0 ? 1 : 0;
});
