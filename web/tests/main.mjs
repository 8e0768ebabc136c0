// The page in a real browser: `MODULES=FOLDER [IMGVEIL=COMMAND] [SHOTS=FOLDER] node main.mjs DIST`.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { execFileSync } from "node:child_process";
import { axe, download, gpu, launch, noGpu, open, outcome, serve, useDevice } from "./browser.mjs";
import { pgm, read, same, unzip, write } from "./files.mjs";

const dist = path.resolve(process.argv[2]);
const work = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "imgveil-web-")));
const { IMGVEIL: command, SHOTS: shots } = process.env;
const answers = fs.readFileSync(new URL("../../assets/answers.txt", import.meta.url), "utf8")
  .trim().split("\n").map((line) => line.split(" ")[0]);
const SALT = "000102030405060708090a0b0c0d0e0f";

const imgveil = (...args) => execFileSync(command, args, { stdio: ["ignore", "pipe", "pipe"] }).toString();

// A folder of classes with images of two sizes, one of which the blocks do not tile, and a text.
const images = write(path.join(work, "images"), {
  ...Object.fromEntries(Array.from({ length: 6 }, (_, n) => [`cats/${n}.pgm`, pgm(32, n + 1)])),
  ...Object.fromEntries(Array.from({ length: 4 }, (_, n) => [`dogs/Rex ${n}.pgm`, pgm(30, n + 11)])),
  "about.txt": Buffer.from("no image"),
});

let site;
let passed = 0;
// TESTS, a regular expression, names those that run. Some need what earlier ones left behind.
const picked = new RegExp(process.env.TESTS ?? "");
async function test(name, run) {
  if (!picked.test(name)) return;
  const started = Date.now();
  await run();
  passed += 1;
  console.log(`ok ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
}

async function choose(page, folder) {
  await page.setInputFiles("#folder", folder);
  await looked(page);
}

async function looked(page) {
  await page.waitForSelector("#chosen:not([hidden])");
  await page.waitForFunction(() => !document.querySelector("#chosen-state").textContent.startsWith("Looking"));
}

async function choosePath(page, file) {
  await page.setInputFiles("#files", file);
  await looked(page);
}

async function encrypt(page, asked) {
  const { folder = images, key, scheme = "shuffle-flip", choices, input = folder, save = true } = asked;
  await choose(page, folder);
  await page.setInputFiles("#key-file", key);
  await page.selectOption("#scheme", scheme);
  await choices?.();
  await page.selectOption("#fit", "pad");
  await page.locator("details", { hasText: "More options" }).evaluate((details) => { details.open = true; });
  await page.fill("#salt", SALT);
  await page.fill("#input", input);
  await page.locator("#input").blur();
  await page.click("#run:enabled");
  const { failed, words } = await outcome(page);
  assert(!failed, words);
  if (!save) return { words };
  const zip = await download(page, "#save-zip");
  const names = await download(page, "#save-names");
  return { words, zip, names };
}

async function accessible(page, what) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const serious = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  const told = serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  assert.deepEqual(told, [], `axe-core, ${what}`);
}

async function known(page) {
  await page.evaluate(() => { document.querySelector("#panel").open = true; });
  await page.click("#check:enabled");
  await page.waitForSelector("#check-state.good, #check-state.bad", { timeout: 150000 });
  const words = await page.innerText("#check-state");
  assert.match(words, /^✓/, words);
  const report = JSON.parse((await download(page, "#report")).bytes.toString());
  assert.deepEqual(report.answers.hashes, answers);
}

const key = path.join(work, "page.key");

async function onDevice(browser, device) {
  const { page, errors, context } = await open(browser, site.address);
  await useDevice(page, device);
  await test(`known answers, every byte (${device})`, () => known(page));
  await test(`a set that the command would write (${device})`, async () => {
    if (!fs.existsSync(key)) fs.writeFileSync(key, (await download(page, "#make-key")).bytes);
    const fields = async () => {
      await page.fill("#choice-block", "8x8");
      await page.check("#choice-scramble");
    };
    const schemes = [["shuffle-flip", fields, "--block", "8x8", "--scramble"], ["ele"], ["keystream"]];
    for (const [scheme, choices, ...flags] of schemes) {
      const { zip, names, words } = await encrypt(page, { key, scheme, choices });
      assert.match(words, /10 images encrypted/);
      assert.equal(zip.name, "images-encrypted.zip");
      const files = unzip(zip.bytes);
      const inside = ([name, bytes]) => [name.replace(/^[^/]*\//, ""), bytes];
      const set = Object.fromEntries(Object.entries(files).map(inside));
      if (!command) {
        console.log("SKIPPED the comparison with the command: IMGVEIL names none");
        continue;
      }
      const out = path.join(work, `native-${scheme}-${device}`);
      imgveil("encrypt", "-k", key, "--device", "cpu", "--scheme", scheme, ...flags, "--pad", "--salt", SALT, images,
        out);
      same(set, read(out), `${scheme} on ${device}`);
      assert(names.bytes.equals(fs.readFileSync(`${out}.names.csv`)), "the file of names");
      // Decrypted by the command.
      const unpacked = write(path.join(work, `page-${scheme}-${device}`), files);
      const back = path.join(work, `back-${scheme}-${device}`);
      const list = write(work, { [names.name]: names.bytes });
      imgveil("decrypt", "-k", key, "--device", "cpu", "--names", path.join(list, names.name),
        path.join(unpacked, "images-encrypted"), back);
      const plain = Object.keys(read(images)).filter((name) => name.endsWith(".pgm"));
      assert.deepEqual(Object.keys(read(back)).sort(), plain.map((name) => name.replace("pgm", "png")).sort());
      fs.writeFileSync(path.join(work, `${scheme}.zip`), zip.bytes);
      fs.writeFileSync(path.join(work, `${scheme}.names.csv`), names.bytes);
    }
  });
  await test(`files stay chosen, whatever is being drawn (${device})`, async () => {
    await page.reload();
    await page.waitForSelector("body[data-ready=yes]");
    await useDevice(page, device);
    // A preview starts 60 ms after what asks for it: files come before, while and after it is drawn.
    const chosen = await page.evaluate(async () => {
      const element = (id) => document.getElementById(id);
      const changed = (id) => element(id).dispatchEvent(new Event("change", { bubbles: true }));
      const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
      const seen = [];
      for (let n = 1; n <= 12; n += 1) {
        changed("device");
        changed("pick");
        await wait(54 + 2 * n);
        const files = new DataTransfer();
        for (let k = 0; k < n; k += 1) {
          files.items.add(new File(["P5 64 64 255\n", new Uint8Array(4096).fill(k)], `${k}.pgm`));
        }
        element("files").files = files.files;
        changed("files");
        while (element("chosen-state").textContent.startsWith("Looking")) await wait(20);
        seen.push(element("chosen-state").textContent);
      }
      return seen;
    });
    const counts = Array.from({ length: 12 }, (_, n) => (n === 0 ? "1 file." : `${n + 1} files.`));
    assert.deepEqual(chosen, counts, await page.locator("#alert").textContent());
    assert(await page.locator("#alert").isHidden());
    await page.waitForFunction(() => /^0.pgm: 64x64/.test(document.querySelector("#view-state").textContent));
  });
  await test(`a set of the command is decrypted (${device})`, async () => {
    if (!command) return console.log("SKIPPED: IMGVEIL names no command");
    await page.reload();
    await page.waitForSelector("body[data-ready=yes]");
    await useDevice(page, device);
    const out = path.join(work, `native-ele-${device}`);
    await choose(page, out);
    await page.setInputFiles("#key-file", key);
    await page.setInputFiles("#names-file", `${out}.names.csv`);
    await page.click("#run:enabled");
    const { failed, words } = await outcome(page);
    assert(!failed && /10 images decrypted and compared/.test(words), words);
    const files = unzip((await download(page, "#save-zip")).bytes);
    const back = path.join(work, `command-back-${device}`);
    imgveil("decrypt", "-k", key, "--device", "cpu", "--names", `${out}.names.csv`, out, back);
    same(files, read(back), `decrypted on ${device}`);
  });
  assert.deepEqual(errors, [], "the console");
  await context.close();
}

async function misuse(browser) {
  const { page, errors, context } = await open(browser, site.address);
  await test("a wrong key is refused", async () => {
    const zip = path.join(work, "set.zip");
    fs.writeFileSync(zip, (await encrypt(page, { key })).zip.bytes);
    await page.reload();
    await page.waitForSelector("body[data-ready=yes]");
    await choosePath(page, zip);
    await download(page, "#make-key");
    await page.click("#run:enabled");
    const { failed, words } = await outcome(page);
    assert(failed && /encrypted with another key|key/.test(words), words);
    // With the right one it works.
    await page.setInputFiles("#key-file", key);
    await page.click("#run:enabled");
    assert.match((await outcome(page)).words, /10 images decrypted/);
  });
  await test("a changed file of a set is set aside", async () => {
    const bytes = fs.readFileSync(path.join(work, "set.zip"));
    const at = bytes.indexOf(Buffer.from("IDAT")) + 20;
    const files = unzip(bytes);
    const name = Object.keys(files).find((name) => name.endsWith(".png"));
    files[name] = Buffer.from(files[name]);
    files[name][files[name].indexOf("IDAT") + 10] ^= 1;
    assert(at > 20);
    await page.reload();
    await page.waitForSelector("body[data-ready=yes]");
    await choose(page, path.join(write(path.join(work, "changed"), files), "images-encrypted"));
    await page.setInputFiles("#key-file", key);
    await page.click("#run:enabled");
    const { words } = await outcome(page);
    assert.match(words, /9 images decrypted/);
    assert.match(words, /1 image could not be read/);
    const reached = await page.evaluate(() => document.querySelector("#progress").position);
    assert.equal(reached, 1, "what was set aside counts as done");
  });
  await test("broken and huge files are set aside, with the reason", async () => {
    // The header of a PNG of 60000 x 60000 grey samples.
    const huge = Buffer.from("89504e470d0a1a0a0000000d494844520000ea600000ea600800000000", "hex");
    const folder = write(path.join(work, "broken"), {
      "good.pgm": pgm(32, 1), "empty.png": Buffer.alloc(0), "short.pgm": pgm(32, 2).subarray(0, 300),
      "huge.png": Buffer.concat([huge, Buffer.alloc(400)]), "noise.jpg": Buffer.alloc(5000, 7),
    });
    await page.reload();
    await page.waitForSelector("body[data-ready=yes]");
    const { words } = await encrypt(page, { folder, key, save: false });
    assert.match(words, /1 image encrypted/);
    for (const name of ["empty", "short", "huge", "noise"]) assert.match(words, new RegExp(name), words);
    const none = write(path.join(work, "none"), { "a.png": Buffer.from("nothing") });
    await page.click("#clear");
    await choose(page, none);
    await page.click("#run:enabled");
    const { failed, words: refused } = await outcome(page);
    assert(failed && /none of the|cannot be read/.test(refused), refused);
  });
  await test("what is no key, no zip and no scheme is said so", async () => {
    await page.reload();
    await page.waitForSelector("body[data-ready=yes]");
    const alarm = () => page.getByRole("alert").innerText();
    await page.setInputFiles("#key-file", { name: "a.key", mimeType: "text/plain", buffer: Buffer.from("no key") });
    await page.waitForSelector("#alert:not([hidden])");
    assert.match(await alarm(), /no usable key file/);
    await page.evaluate(() => {
      const twice = new DataTransfer();
      for (let n = 0; n < 2; n += 1) twice.items.add(new File(["P5 1 1 255 a"], "a.pgm"));
      document.querySelector("#files").files = twice.files;
      document.querySelector("#files").dispatchEvent(new Event("change"));
    });
    assert.match(await alarm(), /Two of the files are called a.pgm/);
    const zip = { name: "a.zip", mimeType: "application/zip", buffer: Buffer.from("PK no zip") };
    await page.setInputFiles("#files", zip);
    await page.waitForFunction(() => /no zip file/.test(document.querySelector("#alert").textContent));
    await page.fill("#choice-block", "zero");
    await page.locator("#choice-block").blur();
    await page.waitForFunction(() => /zero/.test(document.querySelector("#alert").textContent));
  });
  await test("a job is cancelled in the middle, and nothing is kept", async () => {
    const many = {};
    for (let n = 0; n < 400; n += 1) many[`${n}.pgm`] = pgm(256, n);
    const folder = write(path.join(work, "many"), many);
    await page.reload();
    await page.waitForSelector("body[data-ready=yes]");
    await choose(page, folder);
    await page.setInputFiles("#key-file", key);
    await page.click("#run:enabled");
    await page.waitForFunction(() => document.querySelector("#progress").value > 16);
    await page.click("#cancel");
    const { words } = await outcome(page);
    assert.match(words, /Cancelled after \d+ images/);
    assert(Number(words.match(/after (\d+)/)[1]) < 400, words);
    assert.equal(await page.locator("#save-zip").count(), 0);
    // The page goes on to work: to the end this time, in as many pieces as it takes.
    await page.click("#run:enabled");
    assert.match((await outcome(page)).words, /400 images encrypted/);
    const pieces = Object.keys(unzip((await download(page, "#save-zip")).bytes));
    assert.equal(pieces.filter((name) => name.endsWith(".png")).length, 400);
    await page.click("#clear");
    assert.match((await encrypt(page, { key, save: false })).words, /10 images encrypted/);
  });
  assert.deepEqual(errors, [], "the console");
  await context.close();
}

async function keys(browser) {
  const { page, errors, context } = await open(browser, site.address);
  // With a listener, the browser hands file dialogues to the test from the start. Without one it begins to do so when a
  // dialogue is waited for, and the key press may come first.
  page.on("filechooser", () => {});
  const fingerprint = () => page.locator("#key-state code").innerText();
  const afresh = async () => {
    await page.reload();
    await page.waitForSelector("body[data-ready=yes]");
  };
  const phrase = path.join(work, "phrase.txt");
  fs.writeFileSync(phrase, "three words here\n");
  const unseal = async (file) => {
    await afresh();
    await page.setInputFiles("#key-file", file);
    await page.waitForSelector("#unseal:not([hidden])");
    await page.fill("#passphrase", "other words");
    await page.click("#unseal");
    await page.waitForFunction(() => /passphrase is wrong/.test(document.querySelector("#alert").textContent));
    await page.fill("#passphrase", "three words here");
    await page.press("#passphrase", "Enter");
    await page.waitForSelector("#unseal", { state: "hidden" });
    return fingerprint();
  };
  await test("a key with a passphrase is made and opened", async () => {
    await page.fill("#passphrase", "three words here");
    const made = await download(page, "#make-key");
    assert.match(made.bytes.toString(), /^-----BEGIN AGE ENCRYPTED FILE-----/);
    const expected = await fingerprint();
    const file = path.join(work, made.name);
    fs.writeFileSync(file, made.bytes);
    assert.equal(await unseal(file), expected);
    // What is saved again is the sealed file.
    assert((await download(page, "#save-key")).bytes.equals(made.bytes));
    if (!command) return console.log("SKIPPED the comparison with the command: IMGVEIL names none");
    assert.match(imgveil("key", "check", "--passphrase-file", phrase, file), new RegExp(expected));
    const native = path.join(work, "native.key");
    imgveil("keygen", "--passphrase-file", phrase, "-o", native);
    assert.match(imgveil("key", "check", "--passphrase-file", phrase, native), new RegExp(await unseal(native)));
  });
  await test("everything can be done from the keyboard", async () => {
    await afresh();
    const go = async (id) => {
      for (let presses = 0; presses < 90; presses += 1) {
        if (await page.evaluate((id) => document.activeElement.id === id, id)) return;
        await page.keyboard.press("Tab");
      }
      assert.fail(`Tab does not reach #${id}`);
    };
    const press = async (id, event) => {
      await go(id);
      const [found] = await Promise.all([page.waitForEvent(event), page.keyboard.press("Enter")]);
      return found;
    };
    const passedOver = await page.evaluate(() => {
      for (const details of document.querySelectorAll("details")) details.open = true;
      const all = [...document.querySelectorAll("button, input, select, summary, a")];
      return all.filter((control) => control.checkVisibility() && control.tabIndex < 0).map(({ id }) => id);
    });
    assert.deepEqual(passedOver, [], "controls that Tab does not reach");
    const dialogue = await press("choose-files", "filechooser");
    await dialogue.setFiles(path.join(images, "cats", "1.pgm"));
    await page.waitForSelector("#chosen:not([hidden])");
    await press("make-key", "download");
    await page.waitForSelector("#run:enabled");
    await go("run");
    await page.keyboard.press("Enter");
    assert.match((await outcome(page)).words, /1 image encrypted/);
    await press("save-zip", "download");
  });
  await test("the speed of every scheme is measured", async () => {
    await afresh();
    await useDevice(page, "cpu");
    await page.evaluate(() => { document.querySelector("#panel").open = true; });
    await page.click("#measure:enabled");
    await page.waitForSelector("#stop", { state: "hidden", timeout: 120000 });
    const { speeds } = JSON.parse((await download(page, "#report")).bytes.toString());
    const names = await page.locator("#scheme option").evaluateAll((all) => all.map(({ value }) => value));
    assert.deepEqual(speeds.map(({ scheme }) => scheme), names.filter((name) => name !== "none"));
    const positive = ({ images_per_second: images, gigabytes_per_second: bytes }) => images > 0 && bytes > 0;
    assert(speeds.every(positive), JSON.stringify(speeds));
    const slowest = speeds.reduce((a, b) => (a.images_per_second < b.images_per_second ? a : b));
    const rate = slowest.images_per_second.toFixed(0);
    console.log(`   ${speeds.length} schemes; the slowest, ${slowest.scheme}: ${rate} images/s`);
  });
  assert.deepEqual(errors, [], "the console");
  await context.close();
}

async function looks(browser) {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1280, 390]) {
      const viewport = { width, height: width === 390 ? 844 : 900 };
      const { page, errors, context } = await open(browser, site.address, { colorScheme, viewport });
      await test(`nothing serious for axe-core, ${width} pixels, ${colorScheme}`, async () => {
        const shot = (name) => {
          const file = `${name}-${width}-${colorScheme}.png`;
          return shots && page.screenshot({ path: path.join(shots, file), fullPage: true });
        };
        await page.waitForFunction(() => document.querySelector("#decrypted").width > 1);
        await accessible(page, "at the start");
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        assert(wide <= 0, `the page is ${wide} pixels too wide`);
        await shot("start");
        await encrypt(page, { key, save: false });
        await accessible(page, "with a result");
        await shot("result");
        // The first image is shown, whatever the order in which the browser hands them out.
        assert.equal(await page.inputValue("#pick"), "cats/0.pgm");
        await page.evaluate(() => { document.querySelector("#panel").open = true; });
        await page.setInputFiles("#key-file", { name: "a.key", mimeType: "text/plain", buffer: Buffer.from("no key") });
        await page.waitForSelector("#alert:not([hidden])");
        await accessible(page, "with an alarm");
        await shot("alarm");
      });
      assert.deepEqual(errors, [], "the console");
      await context.close();
    }
  }
}

async function quietly(browser) {
  await test("nothing is asked for after the page is loaded", async () => {
    const opened = await open(browser, site.address);
    const { page, requests, errors } = opened;
    console.log(`   usable after ${opened.milliseconds} ms`);
    await page.waitForFunction(() => navigator.serviceWorker.ready.then(() => true));
    const [before, served] = [requests.length, site.asked.length];
    await encrypt(page, { key, save: false });
    assert.deepEqual(requests.slice(before).filter((url) => !url.startsWith("blob:")), []);
    assert.equal(site.asked.length, served);
    assert(requests.every((url) => url.startsWith(site.address) || url.startsWith("blob:") || url.startsWith("data:")));
    // The policy refuses every connection, and nothing of the key is stored.
    const blocked = await page.evaluate(() => fetch("/").then(() => false, () => true));
    assert(blocked, "the policy lets the page connect");
    assert.equal(await page.evaluate(() => localStorage.length + sessionStorage.length), 0);
    assert.deepEqual(await page.evaluate(() => indexedDB.databases()), []);
    assert(errors.every((error) => /Content Security Policy|Refused to connect|fetch/i.test(error)), errors.join("\n"));
    // Without a network.
    site.server.closeAllConnections();
    await new Promise((done) => site.server.close(done));
    await page.reload();
    await page.waitForSelector("body[data-ready=yes]");
    await opened.context.close();
  });
  await test("the page works as a file", async () => {
    const { page, errors, context } = await open(browser, pathToFileURL(path.join(dist, "index.html")).href);
    assert.match((await encrypt(page, { key, save: false })).words, /10 images encrypted/);
    assert.deepEqual(errors, [], "the console");
    await context.close();
  });
  await test("a changed program is refused", async () => {
    const text = fs.readFileSync(path.join(dist, "index.html"), "utf8");
    const at = text.indexOf("const STOPPABLE");
    const folder = write(path.join(work, "altered"), { "index.html": `${text.slice(0, at)} ${text.slice(at)}` });
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(pathToFileURL(path.join(folder, "index.html")).href);
    await page.waitForSelector("#alert:not([hidden])");
    assert.match(await page.innerText("#alert"), /is damaged/);
    await context.close();
  });
}

site = await serve(dist);
const withGpu = await launch(gpu);
try {
  const { page, context } = await open(withGpu, site.address);
  // Without an adapter the page would use the CPU, and the tests of the GPU would test nothing.
  const usable = await page.locator("#device option[value=gpu]").isEnabled();
  assert(usable, `this browser has no WebGPU adapter: ${await page.innerText("#device-state")}`);
  await context.close();
  await onDevice(withGpu, "gpu");
  await onDevice(withGpu, "cpu");
  await misuse(withGpu);
  await keys(withGpu);
  await looks(withGpu);
  await quietly(withGpu);
} finally {
  await withGpu.close();
  site.server.close();
}
site = await serve(dist);
const without = await launch(noGpu);
try {
  await test("without WebGPU the CPU does the work, and the page says so", async () => {
    const { page, context } = await open(without, site.address);
    assert.equal(await page.evaluate(() => document.body.dataset.device), "cpu");
    assert.match(await page.innerText("#device-state"), /this browser gives no GPU/);
    assert(await page.locator("#device option[value=gpu]").isDisabled());
    assert.match((await encrypt(page, { key, save: false })).words, /10 images encrypted/);
    await context.close();
  });
} finally {
  await without.close();
  site.server.close();
  fs.rmSync(work, { recursive: true, force: true });
}
console.log(`${passed} tests of the page passed`);
