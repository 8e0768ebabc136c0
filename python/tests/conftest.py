"""What the tests share: where the checkout is, and a few images."""

import json
import os
import pathlib
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# An independent implementation of docs/SCHEDULE.md, in plain Python.
sys.path.insert(0, str(ROOT / "tests" / "reference"))


def scheme_of(stages, name="vector"):
    """A scheme of stages as texts."""
    import imgveil

    return imgveil.Scheme._from_json(json.dumps({"name": name, "stages": list(stages)}))


def ramp(shape, depth=8):
    """The samples of the known answers."""
    numbers = np.arange(int(np.prod(shape)), dtype=np.uint64) * 2654435761 % 2**32
    return (numbers >> np.uint64(32 - depth)).astype(np.uint8 if depth == 8 else np.uint16).reshape(shape)


def has_gpu():
    """Whether tests use an adapter. Only IMGVEIL_SKIP_GPU=1 leaves them out; without an adapter they fail."""
    import imgveil

    if os.environ.get("IMGVEIL_SKIP_GPU") == "1":
        return False
    assert imgveil.devices(), "there is no adapter: install a software Vulkan driver, or set IMGVEIL_SKIP_GPU=1"
    return True


def needs_gpu():
    """Leaves a test out where adapters are left out."""
    if not has_gpu():
        pytest.skip("IMGVEIL_SKIP_GPU=1")


@pytest.fixture
def key():
    import imgveil

    return imgveil.Key.from_bytes(bytes(range(32)))


@pytest.fixture
def images():
    return ramp((3, 32, 32, 3))
