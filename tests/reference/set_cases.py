"""The cases of sets.json ("Sets of format 2" of docs/SCHEDULE.md)."""

import schedule
import sets
from cases import COUNT, HASHED, ramp

SALTS = (bytes(16), bytes(range(100, 116)))


def images():
    """Vectors of "Names, ids and checks" of docs/SCHEDULE.md."""
    cases = [
        (COUNT, 0, "train/0/a", "train", 0, "2x3x1", 2, 3, 1, 8),
        (COUNT, 1, "train/0/a", "train", 0, "2x3x1", 2, 3, 1, 8),
        (COUNT, 1, "train/0/a", "train", None, "2x3x1", 2, 3, 1, 8),
        (COUNT, 1, "train/0/a", "val", 0, "2x3x1", 2, 3, 1, 8),
        (COUNT, 1, "train/0/a", "train", 0, "1x3x1", 2, 3, 1, 8),
        (HASHED, 1, "gr\u00f6\u00dfe/\u732b", "all", 70000, "4x4x3x16", 4, 4, 3, 16),
        (COUNT, 1, "train/0/a", "train", 0, "2x3x1x12", 2, 3, 1, 12),
    ]
    out = []
    for secret, which, name, split, label, original, height, width, channels, depth in cases:
        salt, pixels = SALTS[which], ramp(height * width * channels, depth)
        shape = (height, width, channels, pixels, depth)
        out.append({
            "secret": secret.hex(), "salt": salt.hex(), "name": name, "split": split, "label": label,
            "original": original, "height": height, "width": width, "channels": channels, "depth": depth,
            "pixels": pixels.hex(), "neutral_name": sets.neutral_name(secret, salt, name),
            "id": sets.image_id(secret, salt, name, *shape).hex(),
            "check": sets.check(secret, salt, name, split, label, original, *shape).hex(),
        })
    return out


def tables():
    """Vectors of the secret of salted tables ("Written-out tables" of docs/SCHEDULE.md)."""
    arrays = {"perm": ((2,), (1, 0)), "flip": ((1, 2), (0, 1))}
    return [{"arrays": {name: {"shape": list(shape), "values": list(values)} for name, (shape, values) in arrays.items()},
             "salt": salt.hex(), "secret": schedule.tables_secret(arrays, salt).hex()}
            for salt in (bytes(32), HASHED)]


def _entry(number, **more):
    """An entry of a manifest (no section of docs/SCHEDULE.md)."""
    entry = {"name": "train/0/%d" % number, "path": "train/0/%d.png" % number, "split": "train", "label": 0,
             "geometry": "8x8x1", "id": "%016x" % number, "plain": "%032x" % number, "blake3": "%064x" % number}
    entry.update(more)
    return {field: value for field, value in entry.items() if value is not None}


def _manifest(secret, images, **more):
    """A manifest without a seal (no section of docs/SCHEDULE.md)."""
    manifest = {
        "format": 2, "tool": "imgveil 0.2.0",
        "scheme": {"name": "shuffle-flip", "stages": ["pixel-shuffling block=4x4 key=shared",
                                                      "sign-flip block=4x4 key=shared"]},
        "key": schedule.fingerprint(secret), "salt": SALTS[1].hex(), "encoding": {"format": "png"}, "run": "ab" * 32,
        "classes": ["0", "krank \u732b"], "images": images,
    }
    manifest.update(more)
    return manifest


def seals():
    """Vectors of "The seal" of docs/SCHEDULE.md: whole manifests, with their seals or those of their parts."""
    odd = [_entry(1), _entry(2, label=None, split="all", original="7x5x1"), _entry(3, label=1, geometry="8x8x3x16")]
    manifests = [
        (COUNT, _manifest(COUNT, odd)),
        (HASHED, _manifest(HASHED, [], classes=[], run="", encoding={"format": "jpeg", "quality": 90})),
        (COUNT, _manifest(COUNT, odd[:1], encoding={"format": "npz"})),
        (COUNT, _manifest(COUNT, odd, encoding={"format": "webdataset", "per_shard": 1000},
                          part={"index": 2, "of": 3, "slots": [4, 5, 9]})),
    ]
    out = []
    for secret, manifest in manifests:
        out.append({"secret": secret.hex(), "manifest": dict(manifest, seal=sets.seal(secret, manifest))})
    merged = _manifest(COUNT, odd, tool="imgveil 0.2.0", run="", parts=[
        {"tool": "imgveil 0.2.0", "run": "cd" * 32, "slots": [0, 9]},
        {"tool": "imgveil 0.2.1", "run": "ef" * 32, "slots": [4]},
    ])
    for part, seal in zip(merged["parts"], sets.parts(COUNT, merged)):
        part["seal"] = seal
    del merged["run"]
    out.append({"secret": COUNT.hex(), "manifest": merged})
    deep = _manifest(COUNT, [_entry(1, geometry="8x8x1x12", original="7x5x1x12")])
    out.append({"secret": COUNT.hex(), "manifest": dict(deep, seal=sets.seal(COUNT, deep))})
    scans = [_entry(1, rescale={"slope": 0.1, "offset": -1024.0}), _entry(2),
             _entry(3, rescale={"slope": -1.0, "offset": 1e-7}, members="%064x" % 9)]
    scans = _manifest(COUNT, scans)
    out.append({"secret": COUNT.hex(), "manifest": dict(scans, seal=sets.seal(COUNT, scans))})
    chosen = _manifest(COUNT, odd, options=["size=8x16", "fit=pad", "window=40,400"])
    out.append({"secret": COUNT.hex(), "manifest": dict(chosen, seal=sets.seal(COUNT, chosen))})
    return out
