// Files for the tests: images, and the contents of zip files.
import fs from "node:fs";
import path from "node:path";
import zlib from "node:zlib";

// A grey image as a PGM file, different for every seed.
export function pgm(side, seed) {
  const samples = Buffer.alloc(side * side);
  let state = seed * 2654435761 + 1;
  for (let index = 0; index < samples.length; index += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    samples[index] = ((index % side) + Math.floor(index / side) + (state >>> 28)) & 255;
  }
  return Buffer.concat([Buffer.from(`P5 ${side} ${side} 255\n`), samples]);
}

export function write(folder, files) {
  for (const [name, bytes] of Object.entries(files)) {
    const file = path.join(folder, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, bytes);
  }
  return folder;
}

// All files below a folder, by path.
export function read(folder, below = "") {
  const found = {};
  for (const entry of fs.readdirSync(path.join(folder, below), { withFileTypes: true })) {
    const name = path.posix.join(below, entry.name);
    if (entry.isDirectory()) Object.assign(found, read(folder, name));
    else found[name] = fs.readFileSync(path.join(folder, name));
  }
  return found;
}

// The files of a zip, by path, from its central directory. This reader shares nothing with the page.
export function unzip(bytes) {
  const end = bytes.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
  const files = {};
  let at = bytes.readUInt32LE(end + 16);
  for (let left = bytes.readUInt16LE(end + 10); left > 0; left -= 1) {
    const method = bytes.readUInt16LE(at + 10);
    const crc = bytes.readUInt32LE(at + 16);
    const [packed, size] = [bytes.readUInt32LE(at + 20), bytes.readUInt32LE(at + 24)];
    const lengths = [28, 30, 32].map((offset) => bytes.readUInt16LE(at + offset));
    const name = bytes.subarray(at + 46, at + 46 + lengths[0]).toString();
    const local = bytes.readUInt32LE(at + 42);
    const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    const raw = bytes.subarray(start, start + packed);
    const content = method === 0 ? raw : zlib.inflateRawSync(raw);
    if (content.length !== size || zlib.crc32(content) !== crc) throw new Error(`${name} is damaged in the zip`);
    files[name] = content;
    at += 46 + lengths[0] + lengths[1] + lengths[2];
  }
  return files;
}

// Compares two sets of files by path, and every byte.
export function same(found, expected, what) {
  const [one, other] = [Object.keys(found).sort(), Object.keys(expected).sort()];
  if (one.join("\n") !== other.join("\n")) throw new Error(`${what}: files ${one} instead of ${other}`);
  for (const name of one) {
    if (!found[name].equals(expected[name])) {
      const shown = (bytes) => bytes.subarray(0, 2000).toString().replace(/[^ -~\n]/g, ".");
      const text = /json|csv/.test(name) ? `\n${shown(found[name])}\ninstead of\n${shown(expected[name])}` : "";
      throw new Error(`${what}: ${name} differs${text}`);
    }
  }
}
