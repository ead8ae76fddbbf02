import { opTable } from '@tubelet/graph';
import { loadAddon } from '@tubelet/native';
import { expect, test } from 'vitest';

test('the table of ops is the same in TypeScript and in the addon', () => {
  const ours = opTable.map(({ stem, view = false, variadic = false, inputs, attributes }) => ({
    name: stem,
    isView: view,
    isVariadic: variadic,
    inputs: Object.entries(inputs).map(([name, spec]) => ({
      name,
      kind: spec.replace('?', ''),
      optional: spec.endsWith('?'),
    })),
    attributes: Object.entries(attributes).map(([name, { type }]) => ({ name, type })),
  }));
  expect(ours).toEqual(loadAddon().ops());
});
