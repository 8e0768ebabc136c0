// Chromium, the server of the page, and what the tests ask of both.
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { createRequire } from "node:module";

const require = createRequire(path.join(process.env.MODULES, "x.js"));
const { chromium } = require("playwright-core");
export const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const quiet = ["--headless=new", "--no-sandbox", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-quic", "--hide-scrollbars"];
export const gpu = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];
export const noGpu = ["--disable-features=WebGPU,WebGPUService", "--disable-gpu"];

export function launch(flags) {
  const executablePath = process.env.CHROMIUM || "/usr/bin/chromium";
  return chromium.launch({ executablePath, headless: false, args: [...quiet, ...flags] });
}

// Serves a folder, and counts what is asked for.
export async function serve(folder) {
  const types = { ".html": "text/html", ".js": "text/javascript" };
  const asked = [];
  const server = http.createServer((request, answer) => {
    asked.push(request.url);
    const file = path.join(folder, request.url === "/" ? "index.html" : path.normalize(request.url));
    if (!fs.existsSync(file)) {
      answer.writeHead(404).end();
      return;
    }
    answer.writeHead(200, { "content-type": types[path.extname(file)] ?? "text/plain" }).end(fs.readFileSync(file));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { address: `http://127.0.0.1:${server.address().port}/`, asked, server };
}

// Opens the page. Everything that it says on its console counts as an error.
export async function open(browser, address, options = {}) {
  const usual = { acceptDownloads: true, viewport: { width: 1280, height: 900 } };
  const context = await browser.newContext({ ...usual, ...options });
  const page = await context.newPage();
  const errors = [];
  const requests = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  context.on("request", (request) => requests.push(request.url()));
  const started = Date.now();
  await page.goto(address);
  await page.waitForSelector("body[data-ready=yes]", { timeout: 60000 });
  const milliseconds = Date.now() - started;
  return { context, page, errors, requests, milliseconds };
}

// Clicks what saves a file. Returns its name and bytes.
export async function download(page, selector) {
  const [saved] = await Promise.all([page.waitForEvent("download"), page.click(selector)]);
  const bytes = fs.readFileSync(await saved.path());
  return { name: saved.suggestedFilename(), bytes };
}

// Waits for the end of a job, or for an alarm. Returns what the page says.
export async function outcome(page) {
  await page.waitForSelector("#result:not([hidden]), #alert:not([hidden])", { timeout: 120000 });
  const text = (id) => page.locator(id).innerText();
  const failed = await page.locator("#alert").isVisible();
  return { failed, words: await text(failed ? "#alert" : "#result") };
}

export async function useDevice(page, device) {
  await page.selectOption("#device", device);
  await page.waitForFunction((device) => document.body.dataset.device === device, device, { timeout: 60000 });
}
