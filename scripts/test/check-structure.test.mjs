import { describe, expect, it } from 'vitest';
import { checkStructure, readTree } from '../check-structure.mjs';
import { opsPage, opsPagePath } from '../ops-page.mjs';
import { root } from '../workspace.mjs';

const readme = '# a folder\n';

/** A tree that breaks no rule, with one op and one view, and the given files on top (null removes one). */
function tree(files = {}) {
  const good = {
    'docs/README.md': readme,
    'native/README.md': readme,
    'packages/README.md': readme,
    'packages/graph/README.md': readme,
    'packages/graph/package.json': '{"name":"@tubelet/graph"}',
    'packages/graph/src/ops/clamp.ts': "import { unary } from '../unary.js';\n",
    'packages/graph/src/ops/reshape.ts': 'export {};\n',
    'native/ops/ops.def': '// rows\nTUBELET_OP(clamp, Clamp)\nTUBELET_VIEW(reshape, Reshape)\n',
    'native/ops/clamp.h': '#include "ops/op.h"\n',
    'native/ops/clamp.cpp': '#include "ops/clamp.h"\n',
    'native/ops/reshape.h': '#include "ops/op.h"\n',
    'native/ops/reshape.cpp': '#include "ops/reshape.h"\n',
    'native/ops/cases/clamp.json': '[]',
    'native/cpu/kernels/clamp.cpp': '#include "core/kernel.h"\n#include "ops/clamp.h"\n',
    'native/tests/reference/clamp.h': '#include "ops/clamp.h"\n',
  };
  const map = new Map(Object.entries({ ...good, ...files }).filter(([, text]) => text !== null));
  const page = opsPage((path) => map.get(path));
  return map.has(opsPagePath) ? map : map.set(opsPagePath, page);
}

const problems = (files) => checkStructure(tree(files));

function expectOne(files, sentence) {
  expect(problems(files)).toEqual([expect.stringContaining(sentence)]);
}

describe('checkStructure', () => {
  it('finds nothing in a good tree', () => {
    expect(problems()).toEqual([]);
  });

  it('reads this repository', () => {
    expect(readTree(root).get('package.json')).toContain('"tubelet-workspace"');
  });

  it.each([
    ['packages/graph/src/a.ts', "import x from '@tubelet/models';", 'graph may not import'],
    ['packages/graph/src/a.ts', "export * from 'tubelet';", 'graph may not import tubelet'],
    ['packages/graph/src/a.ts', "import { join } from 'node:path';", 'graph may not import node:'],
    ['packages/graph/src/a.ts', "import '../../models/src/a.js';", 'graph may not import ../..'],
    ['packages/graph/src/a.ts', "await import('@tubelet/native');", 'graph may not import'],
    ['packages/graph/src/a.ts', "import type {\n  A,\n} from '@tubelet/models';", 'may not import'],
    [
      'packages/graph/package.json',
      '{"dependencies":{"@tubelet/models":"workspace:*"}}',
      'graph may not depend on @tubelet/models',
    ],
  ])('keeps the arrows between packages: %s %s', (path, text, sentence) => {
    expectOne({ [path]: text }, sentence);
  });

  it('lets the arrows through, and imports in comments', () => {
    const files = {
      'packages/tubelet/README.md': readme,
      'packages/tubelet/src/a.ts': "import sharp from 'sharp';\nimport '@tubelet/runtime';\n",
      'packages/graph/src/a.ts':
        "/** import { a } from '@tubelet/models' */\n// import 'tubelet'\n",
      'packages/graph/test/a.test.ts': "import '@tubelet/testing';\n",
    };
    expect(problems(files)).toEqual([]);
  });

  it.each([
    ['native/core/a.cpp', '#include <napi.h>', 'napi.h is included outside native/binding'],
    ['native/cpu/a.cpp', '#include <cuda_runtime.h>', 'outside cuda/'],
    ['native/core/a.cpp', '#include "binding/a.h"', 'native/core may not include'],
    ['native/core/a.cpp', '#include "../cpu/pool.h"', 'native/core may not include'],
    ['native/ops/a.h', '#include "core/plan.h"', 'native/ops may not include'],
    ['native/cpu/a.cpp', '#include "tests/a.h"', 'native/cpu may not include'],
  ])('keeps the arrows between native folders: %s %s', (path, text, sentence) => {
    expectOne({ [path]: text }, sentence);
  });

  it('closes cuda/device', () => {
    const files = { 'cuda/README.md': readme, 'cuda/device/a.cuh': '#include "core/kernel.h"' };
    expectOne(files, 'cuda/device may not include');
  });

  it.each(['float *p = new float[4];', 'std::vector<int> v;', 'getenv("X");', 'printf("x");'])(
    'refuses in a kernel: %s',
    (line) => {
      expectOne({ 'native/cpu/kernels/clamp.cpp': line }, 'a kernel does not');
    },
  );

  it('wants every file of an op, fewer of a view', () => {
    for (const path of tree().keys()) {
      if (!path.includes('clamp') && !path.includes('reshape')) continue;
      expectOne({ [path]: null }, `${path}: missing`);
    }
  });

  it('wants the page of ops as the table has it', () => {
    expectOne({ [opsPagePath]: '# Ops\n' }, `${opsPagePath}: not what the table says`);
  });

  it('wants a row for every file of an op', () => {
    expectOne({ 'native/cpu/kernels/softmax.cpp': '' }, 'no row of native/ops/ops.def');
    expect(problems({ 'native/cpu/kernels/clamp_fast.cpp': '' })).toEqual([]);
  });

  it.each(['packages/graph/src/utils/a.ts', 'packages/graph/src/helpers.ts', 'native/common/a.h'])(
    'refuses names that say nothing: %s',
    (path) => {
      expectOne({ [path]: '' }, 'says nothing');
    },
  );

  it.each(['native/core/plan_v2.cpp', 'packages/graph/src/graph-old.ts'])(
    'refuses numbered survivors: %s',
    (path) => {
      expectOne({ [path]: '' }, 'one version of a thing');
    },
  );

  it('counts lines', () => {
    const long = 'int a;\n'.repeat(501);
    expectOne({ 'native/core/a.cpp': long }, '501 lines without');
    expect(problems({ 'native/core/a.cpp': 'int a;\n'.repeat(500) })).toEqual([]);
    expect(problems({ 'native/core/a.cpp': `// Long file: a table\n${long}` })).toEqual([]);
  });

  it('wants short READMEs in top folders and packages', () => {
    expectOne({ 'packages/graph/README.md': null }, 'packages/graph/README.md: missing');
    expectOne({ 'examples/a.md': '' }, 'examples/README.md: missing');
    expectOne({ 'native/README.md': 'line\n'.repeat(31) }, '31 lines, at most 30');
  });
});

describe('words', () => {
  const inRuntime = (text) => ({
    'packages/runtime/README.md': readme,
    'packages/runtime/src/a.ts': text,
  });

  it.each(['// the Wan loader', 'class WanThing {}', 'const wan_vae = 1', "'FLUX'", '// umt5'])(
    'knows no model in the runtime: %s',
    (text) => {
      expectOne(inRuntime(text), "a model's name");
    },
  );

  it.each(['// we want it', 'const WANTED = 1', 'swan', 'influx'])('lets through: %s', (text) => {
    expect(problems(inRuntime(text))).toEqual([]);
  });

  it('lets the head comment of an op name its source, and nothing below it', () => {
    const head = '// As in the VAE of Wan.\n// y = x\n';
    expect(problems({ 'native/ops/clamp.h': `${head}#pragma once\n` })).toEqual([]);
    expectOne({ 'native/ops/clamp.h': `${head}#pragma once\n// Wan\n` }, "a model's name");
    expectOne({ 'native/ops/clamp.cpp': head }, "a model's name");
  });

  it.each([
    ['// TODO: later', 'unfinished'],
    ['// FIXME', 'unfinished'],
    ['throw new Error("not implemented")', 'unfinished'],
    ['// no longer needed', 'tells history'],
    ['// for now a list', 'tells history'],
    ['// see issue #12', 'tells history'],
    ['const params = {}', 'config, never params'],
  ])('refuses: %s', (text, sentence) => {
    expectOne({ 'packages/graph/src/a.ts': text }, sentence);
  });

  it.each([
    "it.only('a', f);",
    "describe.skip('a', f);",
    "it.todo('a');",
    "it.skipIf(x)('a', f);",
    'context.skip();',
  ])('refuses a silent test: %s', (text) => {
    expect(problems({ 'packages/graph/test/a.test.ts': text })).toHaveLength(1);
  });

  it('accepts a skipped test with its reason', () => {
    const files = {
      'packages/graph/test/a.test.ts': "// needs a GPU\nit.skipIf(noGpu)('a', f);\nskip('no GPU');",
    };
    expect(problems(files)).toEqual([]);
  });
});
