#!/usr/bin/env python3
"""What encryption adds to the handling of files: encrypts a folder of images under a scheme and under `none`, which only decodes
and encodes, in turns, and prints the medians of the ratios of neighbouring runs. On a shared machine the speed changes with time;
the ratio of two neighbouring runs hardly does.

    benches/folder.py IMGVEIL FOLDER [--runs 15] [--device cpu] [SCHEME ...]

A SCHEME is what follows -s, such as "shuffle-flip --block 4"."""

import argparse
import json
import os
import statistics
import subprocess
import tempfile


def seconds(tool, folder, work, device, scheme):
    """Encrypts into a new folder, removes it, and returns the seconds of the pipeline."""
    with tempfile.TemporaryDirectory(dir=work) as place:
        command = [tool, "encrypt", "--json", "--device", device, "-k", os.path.join(work, "key"), "-s", *scheme.split()]
        done = subprocess.run([*command, folder, os.path.join(place, "out")], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(done.stderr)
        return json.loads(done.stdout)["seconds"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("imgveil")
    parser.add_argument("folder")
    parser.add_argument("schemes", nargs="*", default=["shuffle-flip --block 4", "le", "ele", "etc", "skk", "vit --block 16"])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory() as work:
        subprocess.run([args.imgveil, "keygen", "-o", os.path.join(work, "key")], check=True, capture_output=True)
        time = lambda scheme: seconds(args.imgveil, args.folder, work, args.device, scheme)
        time("none")
        print(f"{'scheme':28} {'of none':>8}  quartiles")
        for scheme in args.schemes:
            # The order within a pair alternates.
            pairs = [sorted([(0, scheme), (1, "none")], reverse=run % 2 == 1) for run in range(args.runs)]
            ratios = []
            for pair in pairs:
                took = {name: time(name) for _, name in pair}
                ratios.append(took[scheme] / took["none"])
            low, middle, high = statistics.quantiles(ratios, n=4)
            print(f"{scheme:28} {middle:8.3f}  {low:.3f} to {high:.3f}", flush=True)


if __name__ == "__main__":
    main()
