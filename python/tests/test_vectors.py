"""Known answers of an independent program, through the wheel."""

import json

import imgveil
import numpy as np
import pytest
from blake3 import blake3_hash
from conftest import ROOT, needs_gpu, ramp, scheme_of


def vectors(name):
    return json.loads((ROOT / "assets" / "vectors" / name).read_text())


def check_output(encrypted, case):
    told = encrypted.tobytes()
    if case["output"] is not None:
        assert told.hex() == case["output"]
    else:
        # The hash is the reference's own, which is slow: it is the last resort.
        assert blake3_hash(told).hex() == case["output_blake3"]


def test_keys():
    cases = vectors("schedule.json")["keys"]
    assert cases
    for case in cases:
        key = imgveil.Key.from_bytes(bytes.fromhex(case["secret"]))
        assert key.fingerprint == case["fingerprint"]
        assert key.reveal() == case["bech32"]
        assert imgveil.Key.from_text(case["bech32"]) == key


def test_ids():
    cases = [case for case in vectors("schedule.json")["images"]]
    assert cases
    for case in cases:
        key = imgveil.Key.from_bytes(bytes.fromhex(case["secret"]))
        shape = (case["height"], case["width"], case["channels"])
        kind = np.uint8 if case["depth"] == 8 else np.dtype("<u2")
        image = np.frombuffer(bytes.fromhex(case["pixels"]), kind).reshape(shape)
        cipher = imgveil.Cipher("keystream", key, shape, depth=case["depth"], device="cpu")
        assert cipher.ids(image[None], [case["name"]]) == [case["id"]]


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_schemes(device):
    if device == "gpu":
        needs_gpu()
    device = imgveil.Device(device)
    cases = vectors("schemes.json")["cases"]
    assert len(cases) > 300
    for case in cases:
        if device.is_gpu and case["height"] * case["width"] > 4096:
            continue
        key = imgveil.Key.from_bytes(bytes.fromhex(case["secret"]))
        shape = (case["height"], case["width"], case["channels"])
        cipher = imgveil.Cipher(scheme_of(case["stages"]), key, shape, depth=case["depth"], device=device)
        images = ramp(shape, case["depth"])[None]
        if cipher.keyed_per_image:
            ids = cipher.ids(images, [case["name"]])
            if ids != [case["id"]]:
                # A case of an id that no name gives.
                continue
        encrypted = cipher.encrypt(images, [case["name"]])
        check_output(encrypted, case)
        if case["lossy"]:
            with pytest.raises(imgveil.LossyError):
                cipher.decrypt(encrypted, [case["id"]])
        else:
            assert np.array_equal(cipher.decrypt(encrypted, [case["id"]]), images)


def test_tables():
    for case in vectors("tables.json")["cases"]:
        arrays = {name: np.reshape(one["values"], one["shape"]) for name, one in case["tables"].items()}
        shape = (case["height"], case["width"], case["channels"])
        scheme = scheme_of(case["stages"], case["preset"] or "vector")
        tables = imgveil.Tables({name: array.astype(np.int64) for name, array in arrays.items()})
        cipher = imgveil.Cipher(scheme, tables, shape, depth=case["depth"], device="cpu")
        images = ramp(shape, case["depth"])[None]
        check_output(cipher.encrypt(images, [case["name"]]), case)


def test_exported_tables():
    cases = vectors("tables.json")["export"]
    assert cases
    for case in cases:
        key = imgveil.Key.from_bytes(bytes.fromhex(case["secret"]))
        shape = (case["height"], case["width"], case["channels"])
        scheme = scheme_of(case["stages"], case["preset"] or "vector")
        cipher = imgveil.Cipher(scheme, key, shape, depth=case["depth"], device="cpu")
        arrays = cipher.tables().arrays()
        for name, one in case["tables"].items():
            assert arrays[name].tolist() == np.reshape(one["values"], one["shape"]).tolist(), name
        if case.get("plan") is not None:
            assert arrays["plan"].tolist() == case["plan"]
        again = imgveil.Cipher(scheme, cipher.tables(), shape, depth=case["depth"], device="cpu")
        images = ramp(shape, case["depth"])[None]
        if not cipher.keyed_per_image:
            assert np.array_equal(again.encrypt(images), cipher.encrypt(images))
