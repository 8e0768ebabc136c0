"""What a call costs beside the engine alone."""

import time

import imgveil
import numpy as np
import pytest

# The least time of many, in turns: what else the machine does makes both slower, and neither faster.
ROUNDS = 40


def measure(cipher, images, out, calls, engine):
    for _ in range(ROUNDS):
        engine += cipher._engine_seconds(images, out is None, 1)
        begun = time.perf_counter()
        cipher.encrypt(images, out=out)
        calls.append(time.perf_counter() - begun)


@pytest.mark.parametrize("scheme", ["shuffle-flip block=4", "ele"])
@pytest.mark.parametrize("given", [True, False])
def test_a_call_costs_little_more_than_the_engine(key, scheme, given):
    images = np.random.default_rng(1).integers(0, 256, (64, 224, 224, 3), np.uint8)
    cipher = imgveil.Cipher(scheme, key, (224, 224, 3), device="cpu")
    out = np.empty_like(images) if given else None
    calls, engine = [], []
    for _ in range(8):
        measure(cipher, images, out, calls, engine)
        if min(calls) <= 1.05 * min(engine):
            break
    print(f"{scheme}, out {given}: {1000 * min(calls):.3f} ms a call, {1000 * min(engine):.3f} ms the engine alone")
    assert min(calls) <= 1.05 * min(engine)
