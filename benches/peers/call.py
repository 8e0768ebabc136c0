"""What a call of the Python package costs beside the engine alone, on the CPU: a batch of 64 images of 224x224x3.

    pip install ./python && python benches/peers/call.py

Calls and engine take turns and write into the same memory, and the least time of each counts: what else the machine
does makes both slower. It is to be at most 5 percent.
"""

import time

import imgveil
import numpy as np

TURNS = 300


def measure(cipher, images, out):
    calls, engine = [], []
    for _ in range(TURNS):
        engine += cipher._engine_seconds(images, out, 1)
        begun = time.perf_counter()
        cipher.encrypt(images, out=out)
        calls.append(time.perf_counter() - begun)
    return min(calls), min(engine)


images = np.random.default_rng(1).integers(0, 256, (64, 224, 224, 3), np.uint8)
key = imgveil.Key.generate()
for scheme in ["shuffle-flip block=4", "ele"]:
    cipher = imgveil.Cipher(scheme, key, (224, 224, 3), device="cpu")
    for out in [np.empty_like(images), None]:
        call, engine = measure(cipher, images, out)
        memory = "new memory" if out is None else "memory that was given"
        print(f"{scheme}, {memory}: {1e3 * call:.3f} ms a call, {1e3 * engine:.3f} ms the engine alone, "
              f"{100 * (call / engine - 1):+.1f} %")
