// Sets up what is missing and runs every test. Ends with the line `N passed, N failed, N skipped`.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setup } from './setup.mjs';
import { cache, main, packageProgram, runLoudly } from './workspace.mjs';

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

await main(async () => {
  await setup();
  rmSync(report, { force: true });
  const vitest = packageProgram('vitest', 'vitest.mjs');
  const options = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const code = await runLoudly(process.execPath, [
    vitest,
    'run',
    ...options,
    ...process.argv.slice(2),
  ]);
  const { passed, failed, skipped } = count(JSON.parse(readFileSync(report, 'utf8')));
  // Errors outside any test (an unhandled rejection) fail the run too.
  const outside = code !== 0 && failed === 0 ? 1 : 0;
  console.log(`${passed} passed, ${failed + outside} failed, ${skipped} skipped`);
  return failed + outside > 0 ? 1 : 0;
});
