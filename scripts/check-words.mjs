// Rules about the words in files: model names where models are unknown, unfinished work, history, silent tests.

const text = /\.(ts|mts|mjs|js|cpp|h|cu|cuh|py|md|def|txt|cmake)$/;
const saysTheRules = /^scripts\/(check-words\.mjs|test\/)/;

/** Native code and the runtime run graphs; they know no model. The head comment of an op may name its source. */
const modelFree = /^(native|cuda)\/|^packages\/runtime\/src\//;
const opHeader = /^native\/ops\/\w+\.h$/;
const modelNames = [
  'wan',
  'flux',
  'pixart',
  'hunyuan',
  'cogvideo',
  'ltx',
  'mochi',
  'sana',
  'umt5',
  'sprites',
];
// As a word of its own or of a camelCase name: wan, Wan, WAN, WanTransformer, wan_vae; not want, WANT.
const modelName = new RegExp(
  modelNames
    .flatMap((name) => [name, name[0].toUpperCase() + name.slice(1)])
    .map((name) => `(?<![A-Za-z])${name}(?![a-z])`)
    .concat(modelNames.map((name) => `(?<![A-Za-z])${name.toUpperCase()}(?![A-Za-z])`))
    .join('|'),
);

const unfinished = /\b(TODO|FIXME|XXX|HACK|not implemented|unimplemented)\b/;

/** Comments tell what is, not how it came about. */
const history = new RegExp(
  [
    'no longer (used|needed|required|necessary|supported|exists)',
    'formerly',
    'for now',
    'used to be',
    'refactored',
    'rewritten',
    'renamed from',
    'moved from',
    'as requested',
    '(old|previous|new) (implementation|version|code)',
    '(issue|session|task) #?\\d+',
  ]
    .map((words) => `\\b${words}\\b`)
    .join('|'),
  'i',
);

const only = /\b(it|test|describe|suite)(\.\w+)*\.only\b/;
const skip = /\b(it|test|describe|suite)(\.\w+)*\.(skip|todo|skipIf|runIf|fails)\b|\bskip\(\s*\)/;

/** Says what is wrong with the words of a tree (path -> text), one sentence per line found. */
export function* checkWords(tree) {
  for (const [path, content] of tree) {
    if (!text.test(path) || saysTheRules.test(path)) continue;
    const isTest = /\.test\.\w+$/.test(path);
    const lines = content.split('\n');
    const headLines = opHeader.test(path) ? lines.findIndex((line) => !line.startsWith('//')) : 0;
    for (const [index, line] of lines.entries()) {
      const at = `${path}:${index + 1}`;
      const name =
        modelFree.test(path) && index >= headLines ? modelName.exec(line)?.[0] : undefined;
      if (name) yield `${at}: a model's name where no model is known: ${name}`;
      const work = unfinished.exec(line)?.[0];
      if (work) yield `${at}: unfinished: ${work}`;
      const past = path === 'CHANGELOG.md' ? undefined : history.exec(line)?.[0];
      if (past) yield `${at}: tells history: ${past}`;
      if (!path.endsWith('.md') && /\bparams\b/.test(line))
        yield `${at}: the word is config, never params`;
      if (!isTest) continue;
      if (only.test(line)) yield `${at}: .only hides the other tests`;
      const reason = line.includes('//') || lines[index - 1]?.trim().startsWith('//');
      if (skip.test(line) && !reason) yield `${at}: a test is skipped without a reason beside it`;
    }
  }
}
