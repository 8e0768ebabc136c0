"""The federation of the documentation, in a small form."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from imgveil import _imgveil

pytestmark = [
    pytest.mark.skipif(not _imgveil.has_command, reason="this build is without the command"),
    # `python/check` sets this where PyPI has no Flower for this interpreter, and says so.
    pytest.mark.skipif(os.environ.get("IMGVEIL_SKIP_FLOWER") == "1", reason="IMGVEIL_SKIP_FLOWER=1"),
]

EXAMPLE = ROOT / "python" / "examples" / "federated.py"


def test_a_federation(tmp_path):
    random = np.random.default_rng(1)
    arrays = {}
    for split, count in [("train", 48), ("val", 8), ("test", 24)]:
        labels = np.arange(count)[:, None] % 2
        images = random.integers(60, 130, (count, 16, 16))
        images[:, 4:12, 4:12] += 100 * labels[:, :, None]
        arrays[f"{split}_images"], arrays[f"{split}_labels"] = images.astype(np.uint8), labels
    np.savez(tmp_path / "set.npz", **arrays)
    words = [tmp_path / "set.npz", "--clients", "2", "--rounds", "3", "--epochs", "4", "--cpus", "2", "--batch", "8"]
    done = subprocess.run(
        [sys.executable, EXAMPLE, *words, "--keys", "local"], capture_output=True, text=True, timeout=120, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    row = re.search(r"^\| local \| ([0-9.]+) \| ([0-9.]+) \|", done.stdout, re.MULTILINE)
    # Guessing finds half of them.
    assert row and float(row[1]) > 70, done.stdout
    assert os.listdir(tmp_path) == ["set.npz"]
