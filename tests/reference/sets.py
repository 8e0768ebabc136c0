"""Sets of format 2: names, ids, checks and seals ("Sets of format 2" of docs/SCHEDULE.md)."""

import struct

from blake3 import derive, keyed
from schedule import plain_bytes


def number(value):
    """A count or a slot ("Canonical texts" of docs/SCHEDULE.md)."""
    return struct.pack("<Q", value)


def text(value):
    """A text ("Canonical texts" of docs/SCHEDULE.md)."""
    data = value.encode("utf-8")
    return number(len(data)) + data


def optional(value, write):
    """A value that may be missing ("Canonical texts" of docs/SCHEDULE.md)."""
    return b"\x00" if value is None else b"\x01" + write(value)


def u32(value):
    """A number of 32 bits ("Canonical texts" of docs/SCHEDULE.md)."""
    return struct.pack("<I", value)


def neutral_name(secret, salt, name):
    """The neutral name, 16 hex digits ("Names, ids and checks" of docs/SCHEDULE.md)."""
    return keyed(derive("imgveil v2 neutral name", secret), salt + text(name))[:8].hex()


def image_id(secret, salt, name, height, width, channels, pixels, depth=8):
    """The image id, 8 bytes ("Names, ids and checks" of docs/SCHEDULE.md)."""
    message = salt + text(name) + plain_bytes(height, width, channels, pixels, depth)
    return keyed(derive("imgveil v2 image id", secret), message)[:8]


def check(secret, salt, name, split, label, original, height, width, channels, pixels, depth=8):
    """The check of an image, 16 bytes ("Names, ids and checks" of docs/SCHEDULE.md)."""
    message = salt + text(name) + text(split) + optional(label, u32) + text(original)
    message += plain_bytes(height, width, channels, pixels, depth)
    return keyed(derive("imgveil v2 image check", secret), message)[:16]


def encoding(stated):
    """The encoding of a manifest as a text ("The seal" of docs/SCHEDULE.md)."""
    more = [str(stated[field]) for field in ("quality", "per_shard") if field in stated]
    return " ".join([stated["format"]] + more)


def double_pair(rescale):
    """The scale of an image's values ("The seal" of docs/SCHEDULE.md)."""
    return struct.pack("<dd", rescale["slope"], rescale["offset"])


def canonical(manifest, part=None, images=None):
    """The canonical text of a manifest, or of part number `part` of a merged one with these images ("The seal" of
    docs/SCHEDULE.md)."""
    own, slots = manifest, None
    if part is not None:
        own = manifest["parts"][part - 1]
        slots = (part, len(manifest["parts"]), own["slots"])
    elif "part" in manifest:
        slots = tuple(manifest["part"][field] for field in ("index", "of", "slots"))
    images = manifest["images"] if images is None else images
    scheme = manifest["scheme"]
    out = text("imgveil manifest 2") + text(own["tool"]) + text(scheme["name"]) + text("; ".join(scheme["stages"]))
    out += text(manifest["key"]) + bytes.fromhex(manifest["salt"]) + text(encoding(manifest["encoding"]))
    out += text(own.get("run", ""))
    out += optional(slots, lambda s: u32(s[0]) + u32(s[1]) + number(len(s[2])) + b"".join(map(number, s[2])))
    out += number(len(manifest["classes"])) + b"".join(map(text, manifest["classes"])) + number(len(images))
    for entry in images:
        out += text(entry["name"]) + text(entry["path"]) + text(entry["split"]) + optional(entry.get("label"), u32)
        out += text(entry["geometry"]) + optional(entry.get("original"), text) + bytes.fromhex(entry["id"])
        out += text(entry["plain"]) + text(entry["blake3"])
    if any("members" in entry for entry in images):
        out += text("members") + b"".join(optional(entry.get("members"), text) for entry in images)
    if any("rescale" in entry for entry in images):
        out += text("rescale") + b"".join(optional(entry.get("rescale"), double_pair) for entry in images)
    if manifest.get("options"):
        out += text("options") + number(len(manifest["options"])) + b"".join(map(text, manifest["options"]))
    return out


def seal(secret, manifest):
    """The seal of a manifest that is not merged, 64 hex digits ("The seal" of docs/SCHEDULE.md)."""
    return keyed(derive("imgveil v2 manifest", secret), canonical(manifest)).hex()


def parts(secret, manifest):
    """The seals of the parts of a merged manifest ("The seal" of docs/SCHEDULE.md)."""
    slots = sorted((slot, i) for i, part in enumerate(manifest["parts"]) for slot in part["slots"])
    out = []
    for number_of_part in range(len(manifest["parts"])):
        images = [entry for entry, (_, i) in zip(manifest["images"], slots) if i == number_of_part]
        out.append(keyed(derive("imgveil v2 manifest", secret),
                         canonical(manifest, number_of_part + 1, images)).hex())
    return out
