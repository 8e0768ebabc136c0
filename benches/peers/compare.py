#!/usr/bin/env python3
"""imgveil beside the published algorithms as their users run them, in one run.

    cargo build --release
    python3 benches/peers/compare.py      # needs numpy; uses torch and the Python package imgveil where they are there

For every scheme the tables of a key are exported and a batch is encrypted by imgveil and by the peer. Both must give the same
bytes; then they are timed in turns. Memory is what a first call adds to a process, its result included. The peers work on
whole batches with the loops of numpy (or torch), as the published code does: blocks are cut by reshaping, keys are applied by
indexing. No disk is part of what is timed. imgveil's times are those of
`imgveil bench`, bytes to bytes, from memory to memory.
"""

import argparse
import functools
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = 4


def cut(images):
    """(N, H, W, C) to (N, blocks, elements of a block)."""
    n, h, w, c = images.shape
    parts = images.reshape(n, h // BLOCK, BLOCK, w // BLOCK, BLOCK, c).swapaxes(2, 3)
    return parts.reshape(n, -1, BLOCK * BLOCK * c)


def join(blocks, shape):
    """The inverse of `cut`."""
    n, h, w, c = shape
    parts = blocks.reshape(n, h // BLOCK, w // BLOCK, BLOCK, BLOCK, c).swapaxes(2, 3)
    return parts.reshape(shape)


def shuffle_flip(images, tables):
    """Pixel shuffling and sign flip, one key for all blocks."""
    blocks = cut(images)[:, :, tables["perm"]]
    flipped = tables["flip"].astype(bool)
    blocks[:, :, flipped] = 255 - blocks[:, :, flipped]
    return join(blocks, images.shape)


def le(images, tables):
    """Tanaka 2018: nibbles are flipped, permuted, flipped; one key for all blocks."""
    blocks = cut(images)
    nibbles = np.concatenate([blocks & 15, blocks >> 4], axis=2)
    flipped = tables["rev"].astype(bool)
    nibbles[:, :, flipped] = 15 - nibbles[:, :, flipped]
    nibbles = nibbles[:, :, tables["key"]]
    nibbles[:, :, flipped] = 15 - nibbles[:, :, flipped]
    low, high = np.split(nibbles, 2, axis=2)
    return join(low + 16 * high, images.shape)


def ele(images, tables):
    """Madono et al. 2020: `le` with a key for each block, block after block; then the blocks are permuted."""
    blocks = cut(images)
    encrypted = np.empty_like(blocks)
    for b in range(blocks.shape[1]):
        block = blocks[:, b]
        nibbles = np.concatenate([block & 15, block >> 4], axis=1)
        flipped = tables["revs"][b].astype(bool)
        nibbles[:, flipped] = 15 - nibbles[:, flipped]
        nibbles = nibbles[:, tables["keys"][b]]
        nibbles[:, flipped] = 15 - nibbles[:, flipped]
        low, high = np.split(nibbles, 2, axis=1)
        encrypted[:, b] = low + 16 * high
    return join(encrypted[:, tables["perm"]], images.shape)


ORDERS = [(0, 1, 2), (1, 0, 2), (2, 1, 0), (0, 2, 1), (2, 0, 1), (1, 2, 0)]


def etc(images, tables):
    """Chuman et al. 2019: every block is turned, mirrored, negated and recoloured; then the blocks are permuted.

    The digits are those of the public code: turns of 90, 180, 270 and 0 degrees; up-down, left-right, not mirrored; 0 negates.
    """
    n, h, w, c = images.shape
    blocks = cut(images).reshape(n, -1, BLOCK, BLOCK, c)
    encrypted = np.empty_like(blocks)
    for b in range(blocks.shape[1]):
        block = np.rot90(blocks[:, b], (int(tables["rotate"][b]) + 1) % 4, axes=(1, 2))
        if tables["flip"][b] == 0:
            block = block[:, ::-1]
        elif tables["flip"][b] == 1:
            block = block[:, :, ::-1]
        if tables["negaposi"][b] == 0:
            block = 255 - block
        if c == 3:
            block = block[..., ORDERS[int(tables["channel"][b])]]
        encrypted[:, b] = block
    return join(encrypted[:, tables["permutation"]].reshape(n, -1, BLOCK * BLOCK * c), images.shape)


def plan_in_numpy(images, tables):
    """Any permutation with flips of whole samples, by one table: advanced indexing over the whole batch."""
    plan = tables["plan"]
    source, flip = (plan & 0x7FFFFFFF).astype(np.intp), (plan >> 31).astype(np.uint8) * 255
    return (images.reshape(len(images), -1)[:, source] ^ flip).reshape(images.shape)


def plan_in_torch(device):
    """`plan_in_numpy` in torch, with images and table on the device."""
    import torch

    def prepare(images, tables):
        plan = tables["plan"]
        source = torch.from_numpy((plan & 0x7FFFFFFF).astype(np.int64)).to(device)
        flip = torch.from_numpy((plan >> 31).astype(np.uint8) * 255).to(device)
        return torch.from_numpy(images.reshape(len(images), -1)).to(device), source, flip

    def run(prepared):
        samples, source, flip = prepared
        encrypted = samples[:, source] ^ flip
        if device != "cpu":
            torch.cuda.synchronize()
        return encrypted

    return prepare, run


def wheel(scheme, tables, shape, device):
    """The Python package on arrays of numpy, with the exported tables in place of the key."""
    import imgveil

    cipher = imgveil.Cipher(f"{scheme} block={BLOCK}", tables, shape, device=device)
    return cipher.encrypt


def plan_module(scheme, tables, images, device):
    """The scheme as a module of torch, with images and tables on the device."""
    import imgveil.torch
    import torch

    cipher = imgveil.Cipher(f"{scheme} block={BLOCK}", tables, images.shape[1:], device="cpu")
    module = imgveil.torch.PlanModule(cipher, layout="NHWC").to(device)
    tensor = torch.from_numpy(images).to(device)

    def run():
        encrypted = module(tensor)
        if device != "cpu":
            torch.cuda.synchronize()
        return encrypted

    return run


def memory_of(make):
    """Megabytes that one call of what `make` makes adds to a process. None where processes cannot be forked."""
    if not hasattr(os, "fork"):
        return None
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        work = make()
        with open("/proc/self/statm") as file:
            before = int(file.read().split()[1]) * resource.getpagesize()
        work()
        os.write(writer, str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        text = file.read()
    os.waitpid(child, 0)
    return max(int(text), 0) / 1e6 if text else None


def has_wheel():
    try:
        import imgveil
    except ImportError:
        return False
    return hasattr(imgveil, "Cipher")


def torch_devices():
    try:
        import torch
    except ImportError:
        return []
    return ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])


class Imgveil:
    def __init__(self, program, device, size, folder):
        self.program, self.device, self.size, self.folder = program, device, size, pathlib.Path(folder)
        self.key = self.folder / "peers.key"
        self.run("keygen", "-o", str(self.key))

    def run(self, *words):
        done = subprocess.run([self.program, *words], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"imgveil {' '.join(words)}\n{done.stderr}")
        return done.stdout

    def tables(self, scheme):
        path = self.folder / f"{scheme}.npz"
        self.run("key", "export-tables", "-k", str(self.key), "-s", scheme, "--block", str(BLOCK), "--size", self.size,
                 "-o", str(path))
        return dict(np.load(path))

    def encrypted(self, scheme, images):
        plain, out = self.folder / "plain.npz", self.folder / f"{scheme}-encrypted.npz"
        np.savez(plain, images=images)
        # With neutral names the images would be in the order of those.
        self.run("encrypt", "--keep-names", "-k", str(self.key), "-s", scheme, "--block", str(BLOCK),
                 "--device", self.device, str(plain), str(out))
        return np.load(out)["images"]

    def rate(self, scheme, seconds):
        words = ["bench", "--device", self.device, "--scheme", scheme, "--size", self.size, "--seconds", str(seconds), "--no-disk",
                 "--json"]
        device = json.loads(self.run(*words))["devices"][0]
        rows = [row for row in device["rows"] if row["scheme"] == scheme]
        # On the CPU bytes to bytes is from memory to memory already.
        way = "from memory to memory" if any(row["way"] == "from memory to memory" for row in rows) else "bytes to bytes"
        return next(row["images_per_second"] for row in rows if row["way"] == way)


def makers_of(scheme, published, tables, batch, device):
    """Names of peers, and what makes the work of each. Peers that hold images on a device move them there first."""

    def of_wheel():
        encrypt = wheel(scheme, tables, batch.shape[1:], device)
        return lambda: encrypt(batch)

    def of_torch(device):
        prepare, run = plan_in_torch(device)
        prepared = prepare(batch, tables)
        return lambda: run(prepared)

    makers = [("numpy, as published", lambda: lambda: published(batch, tables))]
    if has_wheel():
        makers.append((f"our wheel on {device}", of_wheel))
        makers += [(f"PlanModule on torch {on}", functools.partial(plan_module, scheme, tables, batch, on))
                   for on in torch_devices()]
    if int(tables["plan_bits"]) == 8:
        makers.append(("numpy, one table", lambda: lambda: plan_in_numpy(batch, tables)))
        makers += [(f"torch on {on}, one table", functools.partial(of_torch, on)) for on in torch_devices()]
    return makers


def timed(work, seconds):
    begun, count = time.perf_counter(), 0
    while count == 0 or time.perf_counter() - begun < seconds:
        work()
        count += 1
    return (time.perf_counter() - begun) / count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser.add_argument("--imgveil", default=str(target / "release" / "imgveil"), help="the command")
    parser.add_argument("--device", default="cpu", help="imgveil's device")
    parser.add_argument("--size", default="224x224x3")
    parser.add_argument("--images", type=int, default=64, help="images of a batch")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="turns; the table has their medians")
    args = parser.parse_args()
    h, w, c = (int(side) for side in args.size.split("x")[:3])
    images = np.random.default_rng(1).integers(0, 256, (args.images, h, w, c), dtype=np.uint8)
    if c == 1:
        images = images[..., 0]
    print(f"images of {args.size}, batches of {args.images}; numpy {np.__version__}; imgveil on {args.device}")
    with tempfile.TemporaryDirectory() as folder:
        ours = Imgveil(args.imgveil, args.device, args.size, folder)
        print(f"{'scheme':14} {'peer':28} {'peer, images/s':>15} {'MB':>7} {'imgveil, images/s':>18} {'ratio':>7}")
        batch = images.reshape(len(images), h, w, c)
        memory, every = {}, []
        for scheme, published in [("shuffle-flip", shuffle_flip), ("le", le), ("ele", ele), ("etc", etc)]:
            tables = ours.tables(scheme)
            expected = ours.encrypted(scheme, images).reshape(batch.shape)
            makers = makers_of(scheme, published, tables, batch, args.device)
            # First of all: a process cannot be forked once torch has threads.
            memory.update({(scheme, name): memory_of(make) for name, make in makers if "cuda" not in name})
            every.append((scheme, tables, expected, makers))
        for scheme, tables, expected, makers in every:
            peers = [(name, make()) for name, make in makers]
            for name, work in peers:
                found = work()
                found = found if isinstance(found, np.ndarray) else found.cpu().numpy()
                if not np.array_equal(found.reshape(batch.shape), expected):
                    sys.exit(f"{scheme}: {name} and imgveil encrypt to different bytes")
            times, rates = {name: [] for name, _ in peers}, []
            for _ in range(args.rounds):
                rates.append(ours.rate(scheme, args.seconds))
                for name, work in peers:
                    times[name].append(len(batch) / timed(work, args.seconds))
            rate = statistics.median(rates)
            for name, _ in peers:
                peer = statistics.median(times[name])
                taken = memory.get((scheme, name))
                taken = "" if taken is None else f"{taken:.0f}"
                print(f"{scheme:14} {name:28} {peer:15.0f} {taken:>7} {rate:18.0f} {rate / peer:7.1f}")


if __name__ == "__main__":
    main()
