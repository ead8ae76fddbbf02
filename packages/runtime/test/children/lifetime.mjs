// One scenario of an addon's life per process: node lifetime.mjs SCENARIO. TUBELET_ADDON names the
// addon, TUBELET_CHAIN a file with a graph of inputs x, modulation, row and output y of width 64.
// Prints one JSON line; a crash shows as a signal.
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const require = createRequire(import.meta.url);
const path = process.env.TUBELET_ADDON;
const width = 64;
const tokens = 64;

const print = (value) => console.log(JSON.stringify(value));

async function prepare(addon, threads = 2) {
  const device = new addon.Device({ kind: 'cpu', threads });
  const graph = new addon.Graph(readFileSync(process.env.TUBELET_CHAIN));
  const plan = await device.compile(graph, [], [tokens]);
  const inputs = [tokens * width, 2 * width, tokens].map((n) => device.allocate(4 * n));
  inputs[0].write(Float32Array.from({ length: tokens * width }, (_, i) => Math.sin(i)));
  const outputs = [device.allocate(4 * tokens * width)];
  return { device, graph, plan, outputs, run: () => plan.run(inputs, outputs, [tokens]) };
}

async function firstValue({ outputs, run }) {
  const y = new Float32Array(tokens * width);
  await run();
  await outputs[0].read(y);
  return y[0];
}

async function collect() {
  for (let i = 0; i < 5; i++) {
    globalThis.gc();
    await sleep(5);
  }
}

const worker = (task) =>
  new Worker(fileURLToPath(import.meta.url), { workerData: { task }, argv: ['worker'] });
const ended = (thread) => new Promise((done) => thread.once('exit', done));
const message = (thread) => new Promise((done) => thread.once('message', done));

const scenarios = {
  async exit() {
    const { run } = await prepare(require(path));
    run();
    run();
    setTimeout(() => process.exit(7), 5);
  },

  async throws() {
    const { run } = await prepare(require(path));
    run();
    setTimeout(() => {
      throw new Error('on purpose');
    }, 5);
  },

  async idle() {
    await prepare(require(path));
    print('idle');
  },

  async pending() {
    const { run } = await prepare(require(path));
    run().then(() => print('settled'));
  },

  async collected() {
    const addon = require(path);
    const device = new addon.Device({ kind: 'cpu', threads: 1 });
    const graph = new addon.Graph(readFileSync(process.env.TUBELET_CHAIN));
    for (let i = 0; i < 20; i++) {
      device.allocate(1 << 20);
      await device.compile(graph, [], [tokens]);
    }
    const before = device.bytesInUse;
    await collect();
    print({ before, after: device.bytesInUse });
  },

  /** The promise alone keeps the device, its plan and its buffers. */
  async promise() {
    const start = async () => {
      const { run } = await prepare(require(path));
      return { running: run() };
    };
    const { running } = await start();
    await collect();
    await running;
    await collect();
    print('settled');
  },

  async flat() {
    const { device, graph } = await prepare(require(path), 1);
    const rss = [];
    for (let i = 0; i <= 1000; i++) {
      const plan = await device.compile(graph, [], [tokens]);
      const input = [tokens * width, 2 * width, tokens].map((n) => device.allocate(4 * n));
      const output = [device.allocate(4 * tokens * width)];
      if (i % 50 === 0) await plan.run(input, output, [tokens]);
      for (const object of [plan, ...input, ...output]) object.dispose();
      if (i % 200 === 0) {
        globalThis.gc();
        rss.push(process.memoryUsage().rss);
      }
    }
    print({ rss, bytes: device.bytesInUse });
  },

  async copies() {
    const folder = mkdtempSync(join(tmpdir(), 'tubelet-'));
    const copy = join(folder, 'copy.node');
    copyFileSync(path, copy);
    const one = await prepare(require(path));
    const two = await prepare(require(copy));
    rmSync(folder, { recursive: true });
    const foreign = await two.plan
      .run(two.outputs, one.outputs, [tokens])
      .catch((error) => error.message);
    const crossed = await two.device
      .compile(one.graph, [], [tokens])
      .catch((error) => error.message);
    const values = await Promise.all([firstValue(one), firstValue(two)]);
    one.device.dispose();
    print({ foreign, crossed, values, after: await firstValue(two) });
  },

  /** The same file twice in one thread: two environments in one library. */
  async reloaded() {
    const one = await prepare(require(path));
    delete require.cache[path];
    const addon = require(path);
    const two = await prepare(addon);
    const crossed = await two.device
      .compile(one.graph, [], [tokens])
      .catch((error) => error.message);
    print({ crossed, values: await Promise.all([firstValue(one), firstValue(two)]) });
  },

  async workers() {
    const own = await prepare(require(path));
    const threads = Array.from({ length: 3 }, () => worker('value'));
    const ends = threads.map(ended);
    const values = await Promise.all(threads.map(message));
    await Promise.all(ends);
    print({ own: await firstValue(own), values });
  },

  /** The addon is loaded by workers alone and unloaded with the last: its threads must be gone. */
  async terminated() {
    for (const task of ['endless', 'exits', 'forgets', 'endless', 'disposes']) {
      const thread = worker(task);
      const end = ended(thread);
      await message(thread);
      await sleep(3);
      if (task === 'endless') thread.terminate();
      await end;
    }
    print('survived');
  },
};

const workerTasks = {
  async value(addon) {
    parentPort.postMessage(await firstValue(await prepare(addon)));
  },
  async endless(addon) {
    const { run } = await prepare(addon);
    for (let i = 0; i < 100; i++) run();
    parentPort.postMessage('running');
    await new Promise(() => setInterval(() => {}, 1000));
  },
  async exits(addon) {
    const { run } = await prepare(addon);
    run();
    parentPort.postMessage('running');
    setTimeout(() => process.exit(3), 2);
  },
  async forgets(addon) {
    await prepare(addon);
    parentPort.postMessage('done');
  },
  async disposes(addon) {
    const { device, run } = await prepare(addon);
    run().catch(() => {});
    parentPort.postMessage('running');
    await sleep(2);
    device.dispose();
  },
};

if (isMainThread) await scenarios[process.argv[2]]();
else await workerTasks[workerData.task](require(path));
