// The worker: all reading, encrypting and packing happens here, so that the page never freezes. It receives the
// bytes of the module from the page and loads nothing. Every message has a number, and its answer has the same.
"use strict";

/* global wasm_bindgen */
const engine = wasm_bindgen;
let machine = null;
let files = null;
let stopped = false;
// The number of the newest preview or choice of files. Earlier previews are useless then.
let newest = 0;

// Lets messages in, such as the one that stops a job. A timer would wait for milliseconds each time.
const breath = new MessageChannel();
const breathe = () => new Promise((done) => {
  breath.port1.onmessage = () => done();
  breath.port2.postMessage(0);
});

function tell(id, progress, moved = []) {
  postMessage({ id, progress }, moved);
}

async function open(choice) {
  machine?.free();
  machine = null;
  machine = await engine.Machine.open(choice);
  return { gpu: machine.gpu };
}

// The adapter in the browser's words. Browsers tell little about it, so that pages cannot recognise people by it.
async function adapter() {
  const found = await self.navigator.gpu?.requestAdapter();
  if (!found) return null;
  const { vendor = "", architecture = "", device = "", description = "", isFallbackAdapter = false } = found.info ?? {};
  const name = description || [vendor, architecture, device].filter(Boolean).join(" ");
  return { name: name || "an adapter without a name", software: isFallbackAdapter };
}

// Runs a job to its end, and hands on its pieces of the zip as they come.
async function drive(id, job, finish) {
  const started = performance.now();
  const total = job.images;
  let [done, bytes] = [0, 0];
  const failed = [];
  try {
    tell(id, { total, done, bytes, failed: 0 });
    for (;;) {
      await breathe();
      if (stopped) {
        job.free();
        return { cancelled: true, done, total };
      }
      const step = await job.step();
      if (!step) break;
      done += step.images;
      bytes += step.bytes;
      failed.push(...JSON.parse(step.failed));
      const moved = [step.zip.buffer];
      if (step.first) moved.push(step.first.buffer);
      tell(id, { total, done, bytes, failed: failed.length, zip: step.zip, first: step.first ?? null }, moved);
    }
  } catch (error) {
    // A module that broke down cannot be tidied up.
    if (!(error instanceof WebAssembly.RuntimeError)) job.free();
    throw error;
  }
  const seconds = (performance.now() - started) / 1000;
  const end = finish(job);
  return { ...end, failed: JSON.parse(end.failed), done, total, bytes, seconds };
}

const tasks = {
  async start({ module, script }) {
    await engine({ module_or_path: module });
    const schemes = { presets: JSON.parse(engine.presets()), usual: engine.usual_scheme() };
    return { tool: engine.tool(), ...schemes, adapter: await adapter(), script };
  },
  open: ({ choice }) => open(choice),
  scheme: ({ text }) => JSON.parse(engine.scheme(text)),
  // The text of a key, and what is saved of it: the same, or that sealed with a passphrase.
  makeKey({ created, passphrase = "" }) {
    const text = new TextEncoder().encode(engine.make_key(created));
    const file = passphrase ? engine.seal(text, passphrase) : text;
    return { text, file, fingerprint: engine.fingerprint(text) };
  },
  openKey({ file, passphrase }) {
    const sealed = engine.is_sealed(file);
    if (sealed && !passphrase) return { sealed };
    const text = sealed ? new TextEncoder().encode(engine.unseal(file, passphrase)) : file;
    return { sealed, text, file, fingerprint: engine.fingerprint(text) };
  },
  choose({ paths, list }) {
    files?.free();
    files = null;
    files = new engine.Files(paths, list);
    return { encrypted: files.encrypted, count: files.count, paths: files.paths };
  },
  forget() {
    files?.free();
    files = null;
  },
  preview({ id, key, asked, path }) {
    // Nobody waits for it any more.
    if (id < newest) return null;
    return engine.preview(machine, key, JSON.stringify(asked), files, path);
  },
  async encrypt({ id, key, asked, name, folder, withNames }) {
    const job = new engine.Encryption(machine, key, JSON.stringify(asked), files, name, folder);
    const look = JSON.parse(job.look());
    const end = await drive(id, job, (job) => job.finish(withNames));
    return { ...look, ...end, early: look.failed };
  },
  async decrypt({ id, key, name, names }) {
    const job = new engine.Decryption(machine, key, files, name, names ?? undefined);
    return { ...JSON.parse(job.look()), ...(await drive(id, job, (job) => job.finish())) };
  },
  async check({ id }) {
    const total = engine.Machine.known();
    const hashes = [];
    for (let number = 0; number < total && !stopped; number += 1) {
      hashes.push(await machine.check(number));
      if (number % 8 === 0) {
        tell(id, { done: number, total });
        await breathe();
      }
    }
    return { total, hashes, cancelled: stopped };
  },
  async measure({ id, schemes }) {
    const { images, bytes } = engine.Pace.size();
    for (const scheme of schemes) {
      const pace = machine.speed(scheme);
      await pace.run();
      const times = [];
      const end = performance.now() + 600;
      while (times.length < 3 || (performance.now() < end && times.length < 200)) {
        const started = performance.now();
        await pace.run();
        times.push((performance.now() - started) / 1000);
      }
      pace.free();
      const median = times.sort((a, b) => a - b)[times.length >> 1];
      tell(id, { scheme, images: images / median, gigabytes: bytes / median / 1e9, runs: times.length });
      await breathe();
      if (stopped) break;
    }
    return { cancelled: stopped };
  },
};

async function answer(data) {
  const { id, task } = data;
  try {
    postMessage({ id, value: await tasks[task](data) });
  } catch (error) {
    const broken = error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
    postMessage({ id, error: { kind: broken ? "broken" : error?.name ?? "bug", words: error?.message ?? `${error}` } });
  }
}

// Tasks that a "stop" ends early.
const STOPPABLE = ["encrypt", "decrypt", "check", "measure"];
// Tasks that use neither the files nor the device, and need not wait for others.
const AT_ONCE = ["scheme", "makeKey", "openKey"];
let last = Promise.resolve();
onmessage = ({ data }) => {
  const { id, task } = data;
  // Reset here and not when the job begins: a stop may arrive before that, and must not be lost.
  if (STOPPABLE.includes(task)) stopped = false;
  if (task === "preview" || task === "choose") newest = id;
  if (task === "stop") {
    stopped = true;
    postMessage({ id, value: null });
    return;
  }
  // All other tasks run one after another: a task that waits for the GPU still uses the files and the device, and
  // another task might free them.
  if (AT_ONCE.includes(task)) answer(data);
  else last = last.then(() => answer(data));
};
