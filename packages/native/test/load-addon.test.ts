import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test, vi } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'tubelet-'));
const brand = Symbol.for('tubelet.error');

afterEach(() => {
  vi.unstubAllEnvs();
  vi.resetModules();
});
afterAll(() => rmSync(folder, { recursive: true }));

async function load(named: string) {
  vi.stubEnv('TUBELET_ADDON', named);
  const { loadAddon } = await import('../src/load-addon.js');
  return loadAddon;
}

test('loads the addon once', async () => {
  const loadAddon = await load('');
  const addon = loadAddon();
  expect(loadAddon()).toBe(addon);
  expect(Object.keys(addon).sort()).toEqual(['Device', 'Graph', 'devices', 'ops']);
});

test('says what it tried when a named file is not there', async () => {
  const loadAddon = await load(join(folder, 'nowhere.node'));
  expect(loadAddon).toThrow(
    /^\[native] the addon must be = loadable, got no file that loads; tried/,
  );
  expect(loadAddon).toThrow(/TUBELET_ADDON=.*nowhere\.node: Cannot find module/);
  expect(loadAddon).toThrow(/Build it with: npm run setup$/);
  expect(loadAddon).toThrow(
    expect.objectContaining({ code: 'UNSUPPORTED', op: 'native', [brand]: true }),
  );
});

test.each([
  ['text.node', 'not a library', /text\.node: .*(too short|invalid|not valid)/],
  ['other.cjs', 'module.exports = {}', /other\.cjs: it is not the addon of tubelet/],
])('says why %s does not load', async (name, content, message) => {
  const path = join(folder, name);
  writeFileSync(path, content);
  const loadAddon = await load(path);
  expect(loadAddon).toThrow(message);
});
