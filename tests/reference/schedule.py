"""The key schedule of docs/SCHEDULE.md: keys, subkeys, draws, ids and hashes of images."""

import struct

import bech32
import chacha20
from blake3 import derive, keyed

# Secret and key file


def fingerprint(secret):
    """The secret's fingerprint, 16 hex digits ("Secret and key file" of docs/SCHEDULE.md)."""
    return derive("imgveil v1 fingerprint", secret)[:8].hex()


def secret_line(secret):
    """The key file's line that is the secret ("Secret and key file" of docs/SCHEDULE.md)."""
    if len(secret) != 32:
        raise ValueError("a secret has 32 bytes")
    return bech32.encode("imgveil-secret-key-", secret).upper()


def key_file(secret, created):
    """The text of a key file made at the time `created` ("Secret and key file" of docs/SCHEDULE.md)."""
    return "".join(line + "\n" for line in (
        "# imgveil secret key. Whoever holds it can decrypt: keep it off shared disks and out of e-mail.",
        "# created: " + created,
        "# fingerprint: " + fingerprint(secret),
        secret_line(secret),
    ))


# Subkeys


def descriptor(texts, number, height, width, channels):
    """The descriptor of stage `number` of the scheme with these stage texts ("Subkeys" of
    docs/SCHEDULE.md)."""
    return "imgveil/1 scheme=[{}] stage={} image={}x{}x{} depth=8".format(
        "; ".join(texts), number, height, width, channels)


def subkey(secret, line):
    """The subkey for a descriptor ("Subkeys" of docs/SCHEDULE.md)."""
    return derive("imgveil v1 stage", secret + line.encode("ascii"))


# Streams and draws


class Draws:
    """The draws from one stream, in order ("Streams and draws" of docs/SCHEDULE.md)."""

    def __init__(self, key, stream=0):
        """A stream from its first word ("Streams and draws" of docs/SCHEDULE.md)."""
        self._words = chacha20.words(key, stream)

    def word(self):
        """The next 32-bit word ("Streams and draws" of docs/SCHEDULE.md)."""
        return next(self._words)

    def below(self, n):
        """A number below n ("Streams and draws", below, of docs/SCHEDULE.md)."""
        if not 1 <= n < 1 << 32:
            raise ValueError("below(n) needs 1 <= n < 2^32")
        reject = ((1 << 32) - n) % n
        m = self.word() * n
        while m % (1 << 32) < reject:
            m = self.word() * n
        return m >> 32

    def permutation(self, n):
        """A permutation of 0 ... n-1 ("Streams and draws", permutation, of docs/SCHEDULE.md)."""
        entries = list(range(n))
        for i in range(n - 1, 0, -1):
            j = self.below(i + 1)
            entries[i], entries[j] = entries[j], entries[i]
        return entries

    def bits(self, n):
        """n bits ("Streams and draws", bits, of docs/SCHEDULE.md)."""
        drawn = [self.word() for _ in range((n + 31) // 32)]
        return [drawn[k // 32] >> (k % 32) & 1 for k in range(n)]

    def bytes(self, n):
        """n bytes ("Streams and draws", bytes, of docs/SCHEDULE.md)."""
        drawn = [self.word() for _ in range((n + 3) // 4)]
        return struct.pack("<%dI" % len(drawn), *drawn)[:n]


# Ids and hashes of images


def _plain(height, width, channels, pixels):
    """The bytes P ("Ids and hashes of images" of docs/SCHEDULE.md)."""
    if len(pixels) != height * width * channels:
        raise ValueError("the pixels are not H*W*C bytes")
    return struct.pack("<4I", height, width, channels, 8) + bytes(pixels)


def image_id(secret, name, height, width, channels, pixels):
    """The image id, 8 bytes ("Ids and hashes of images" of docs/SCHEDULE.md)."""
    text = name.encode("utf-8")
    message = struct.pack("<I", len(text)) + text + _plain(height, width, channels, pixels)
    return keyed(derive("imgveil v1 image id", secret), message)[:8]


def plain_hash(secret, height, width, channels, pixels):
    """The plain hash, 16 bytes ("Ids and hashes of images" of docs/SCHEDULE.md)."""
    return keyed(derive("imgveil v1 plain hash", secret), _plain(height, width, channels, pixels))[:16]


def view_id(secret, image, dy, dx, mirrored):
    """The id of a view of the image with the id `image`, 8 bytes ("Ids and hashes of images" of
    docs/SCHEDULE.md)."""
    if (dy, dx, mirrored) == (0, 0, False):
        return image
    message = image + struct.pack("<iiB", dy, dx, 1 if mirrored else 0)
    return keyed(derive("imgveil v1 view id", secret), message)[:8]


def stream_id(identity):
    """An image's or view's id as a stream id ("Ids and hashes of images" of docs/SCHEDULE.md)."""
    return int.from_bytes(identity, "little")
