"""Tests of the reference itself: published vectors, and decryption that undoes encryption.

    python3 tests/reference/test_reference.py
"""

import sys
import unittest

sys.dont_write_bytecode = True

import bech32
import blake3
import chacha20
import schedule
import schemes

SECRET = bytes(range(32))

# The first 32 bytes of BLAKE3's published test vectors: length, hash, keyed hash, derive_key.
BLAKE3 = [
    (0,
     "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
     "92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26",
     "2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d"),
    (1,
     "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
     "6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b",
     "b3e2e340a117a499c6cf2398a19ee0d29cca2bb7404c73063382693bf66cb06c"),
    (63,
     "e9bc37a594daad83be9470df7f7b3798297c3d834ce80ba85d6e207627b7db7b",
     "bb1eb5d4afa793c1ebdd9fb08def6c36d10096986ae0cfe148cd101170ce37ae",
     "b6451e30b953c206e34644c6803724e9d2725e0893039cfc49584f991f451af3"),
    (64,
     "4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98",
     "ba8ced36f327700d213f120b1a207a3b8c04330528586f414d09f2f7d9ccb7e6",
     "a5c4a7053fa86b64746d4bb688d06ad1f02a18fce9afd3e818fefaa7126bf73e"),
    (65,
     "de1e5fa0be70df6d2be8fffd0e99ceaa8eb6e8c93a63f2d8d1c30ecb6b263dee",
     "c0a4edefa2d2accb9277c371ac12fcdbb52988a86edc54f0716e1591b4326e72",
     "51fd05c3c1cfbc8ed67d139ad76f5cf8236cd2acd26627a30c104dfd9d3ff8a8"),
    (1023,
     "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11",
     "c951ecdf03288d0fcc96ee3413563d8a6d3589547f2c2fb36d9786470f1b9d6e",
     "74a16c1c3d44368a86e1ca6df64be6a2f64cce8f09220787450722d85725dea5"),
    (1024,
     "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
     "75c46f6f3d9eb4f55ecaaee480db732e6c2105546f1e675003687c31719c7ba4",
     "7356cd7720d5b66b6d0697eb3177d9f8d73a4a5c5e968896eb6a689684302706"),
    (1025,
     "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
     "357dc55de0c7e382c900fd6e320acc04146be01db6a8ce7210b7189bd664ea69",
     "effaa245f065fbf82ac186839a249707c3bddf6d3fdda22d1b95a3c970379bcb"),
    (2048,
     "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a",
     "879cf1fa2ea0e79126cb1063617a05b6ad9d0b696d0d757cf053439f60a99dd1",
     "7b2945cb4fef70885cc5d78a87bf6f6207dd901ff239201351ffac04e1088a23"),
    (2049,
     "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030",
     "9f29700902f7c86e514ddc4df1e3049f258b2472b6dd5267f61bf13983b78dd5",
     "2ea477c5515cc3dd606512ee72bb3e0e758cfae7232826f35fb98ca1bcbdf273"),
    (5120,
     "9cadc15fed8b5d854562b26a9536d9707cadeda9b143978f319ab34230535833",
     "2c493e48e9b9bf31e0553a22b23503c0a3388f035cece68eb438d22fa1943e20",
     "7a7acac8a02adcf3038d74cdd1d34527de8a0fcc0ee3399d1262397ce5817f60"),
    (31744,
     "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47",
     "efa53b389ab67c593dba624d898d0f7353ab99e4ac9d42302ee64cbf9939a419",
     "39772aef80e0ebe60596361e45b061e8f417429d529171b6764468c22928e28e"),
]

# RFC 8439, section 2.3.2 and appendix A.1: key, 32-bit counter, 12-byte nonce, block.
CHACHA20 = [
    (bytes(range(32)), 1, "000000090000004a00000000",
     "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
     "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"),
    (bytes(32), 0, "000000000000000000000000",
     "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
     "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"),
    (bytes(32), 1, "000000000000000000000000",
     "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
     "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f"),
    (bytes(31) + b"\1", 1, "000000000000000000000000",
     "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a"
     "8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0"),
    (b"\0\xff" + bytes(30), 2, "000000000000000000000000",
     "72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca"
     "13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096"),
    (bytes(32), 0, "000000000000000000000002",
     "c2c64d378cd536374ae204b9ef933fcd1a8b2288b3dfa49672ab765b54ee27c7"
     "8a970e0e955c14f3a88e741b97c286f75f8fc299e8148362fa198a39531bed6d"),
]

# BIP 173's valid Bech32 strings.
BECH32 = [
    "A12UEL5L",
    "a12uel5l",
    "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
    "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
    "11" + 82 * "q" + "c8247j",
    "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
    "?1ezyfcl",
]


def pixels(count):
    """Pixels to encrypt (no section of docs/SCHEDULE.md)."""
    return bytes((k * k + 7 * k) % 251 for k in range(count))


class Published(unittest.TestCase):
    """The functions that docs/SCHEDULE.md takes from elsewhere."""

    def test_blake3(self):
        """The introduction of docs/SCHEDULE.md."""
        for length, plain, with_key, derived in BLAKE3:
            data = bytes(k % 251 for k in range(length))
            context = "BLAKE3 2019-12-27 16:29:52 test vectors context"
            self.assertEqual(blake3.blake3_hash(data).hex(), plain, length)
            self.assertEqual(blake3.keyed(b"whats the Elvish word for friend", data).hex(), with_key, length)
            self.assertEqual(blake3.derive(context, data).hex(), derived, length)

    def test_chacha20(self):
        """"Streams and draws" of docs/SCHEDULE.md: the RFC's nonce is the counter's high word, then the
        stream id."""
        for key, counter, nonce, expected in CHACHA20:
            nonce = bytes.fromhex(nonce)
            counter |= int.from_bytes(nonce[:4], "little") << 32
            block = chacha20.block(key, counter, int.from_bytes(nonce[4:], "little"))
            self.assertEqual(b"".join(w.to_bytes(4, "little") for w in block).hex(), expected)

    def test_chacha20_words(self):
        """"Streams and draws" of docs/SCHEDULE.md: the blocks follow each other from block 0."""
        words = chacha20.words(SECRET, 5)
        drawn = [next(words) for _ in range(48)]
        self.assertEqual(drawn, sum((chacha20.block(SECRET, k, 5) for k in range(3)), []))

    def test_bech32(self):
        """"Secret and key file" of docs/SCHEDULE.md."""
        for text in BECH32:
            prefix, data = text.lower().rsplit("1", 1)
            values = [bech32.ALPHABET.index(c) for c in data[:-6]]
            self.assertEqual(bech32.encode_values(prefix, values), text.lower())

    def test_bech32_groups(self):
        """"Secret and key file" of docs/SCHEDULE.md: BIP 173's example address, and padding."""
        program = bytes.fromhex("751e76e8199196d454941c45d1b3a323f1433bd6")
        self.assertEqual(bech32.encode_values("bc", [0] + bech32.groups(program)).upper(),
                         "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4")
        self.assertEqual(bech32.groups(b""), [])
        self.assertEqual(bech32.groups(b"\xff"), [31, 28])
        self.assertEqual(len(bech32.groups(SECRET)), 52)


class Schedule(unittest.TestCase):
    """Keys, draws and ids."""

    def test_descriptor(self):
        """"Subkeys" of docs/SCHEDULE.md: the page's own example."""
        stages = schemes.preset("shuffle-flip", (4, 4), "shared")
        self.assertEqual(
            schedule.descriptor([s.text() for s in stages], 1, 28, 28, 1),
            "imgveil/1 scheme=[pixel-shuffling block=4x4 key=shared; sign-flip block=4x4 key=shared] "
            "stage=1 image=28x28x1 depth=8")

    def test_stage_texts(self):
        """"Subkeys" of docs/SCHEDULE.md: the table of canonical texts."""
        stages = schemes.preset("shuffle-flip", (2, 8), "block", True) + schemes.preset("keystream")
        self.assertEqual([s.text() for s in stages], [
            "pixel-shuffling block=2x8 key=block", "sign-flip block=2x8 key=block",
            "block-scrambling block=2x8", "keystream key=image"])

    def test_key_file(self):
        """"Secret and key file" of docs/SCHEDULE.md."""
        lines = schedule.key_file(SECRET, "2026-01-01T00:00:00Z").split("\n")
        self.assertEqual(lines[1], "# created: 2026-01-01T00:00:00Z")
        self.assertEqual(lines[2], "# fingerprint: " + schedule.fingerprint(SECRET))
        self.assertRegex(lines[3], "^IMGVEIL-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}$")
        self.assertEqual(lines[4:], [""])

    def test_below(self):
        """"Streams and draws" of docs/SCHEDULE.md: in range, and rejected words are skipped."""
        for n in (1, 2, 3, 1000, 2**31 + 1, 2**32 - 1):
            draws = schedule.Draws(SECRET)
            self.assertTrue(all(0 <= draws.below(n) < n for _ in range(200)))
        n = 3 * 2**30
        draws, raw = schedule.Draws(SECRET), schedule.Draws(SECRET)
        kept = [w * n >> 32 for w in (raw.word() for _ in range(400)) if w * n % 2**32 >= 2**30]
        self.assertLess(len(kept), 400)
        self.assertEqual([draws.below(n) for _ in kept], kept)

    def test_permutation(self):
        """"Streams and draws" of docs/SCHEDULE.md."""
        for n in (1, 2, 3, 48, 1000):
            self.assertEqual(sorted(schedule.Draws(SECRET).permutation(n)), list(range(n)))

    def test_bits_and_bytes(self):
        """"Streams and draws" of docs/SCHEDULE.md: both read the same words, least significant first."""
        data = schedule.Draws(SECRET).bytes(13)
        bits = schedule.Draws(SECRET).bits(100)
        self.assertEqual(bits, [data[k // 8] >> (k % 8) & 1 for k in range(100)])

    def test_ids(self):
        """"Ids and hashes of images" of docs/SCHEDULE.md: what the ids and the hash depend on."""
        data = pixels(6)
        image = schedule.image_id(SECRET, "a", 2, 3, 1, data)
        others = [schedule.image_id(SECRET, "b", 2, 3, 1, data), schedule.image_id(SECRET, "a", 3, 2, 1, data),
                  schedule.image_id(bytes(32), "a", 2, 3, 1, data),
                  schedule.image_id(SECRET, "a", 2, 3, 1, data[::-1])]
        views = [schedule.view_id(SECRET, image, *v) for v in
                 ((0, 0, True), (0, 1, False), (1, 0, False), (-1, 0, False), (-1, 0, True))]
        self.assertEqual(len(set([image] + others + views)), 10)
        self.assertEqual(schedule.view_id(SECRET, image, 0, 0, False), image)
        self.assertEqual(schedule.stream_id(bytes([1, 2, 0, 0, 0, 0, 0, 3])), 3 << 56 | 2 << 8 | 1)
        self.assertEqual(len(schedule.plain_hash(SECRET, 2, 3, 1, data)), 16)


class Schemes(unittest.TestCase):
    """"Stages" of docs/SCHEDULE.md."""

    SHAPES = [((8, 16, 1), (4, 4)), ((8, 16, 3), (2, 8)), ((5, 7, 3), (5, 7)), ((5, 7, 1), (1, 1))]

    def test_positions(self):
        """The numbers of blocks and elements ("Stages" of docs/SCHEDULE.md)."""
        self.assertEqual(schemes.positions((1, 2), 2, 4, 1), [[0, 1], [2, 3], [4, 5], [6, 7]])
        self.assertEqual(schemes.positions((2, 1), 2, 2, 3),
                         [[0, 1, 2, 6, 7, 8], [3, 4, 5, 9, 10, 11]])
        with self.assertRaises(ValueError):
            schemes.positions((2, 3), 4, 4, 1)

    def test_round_trip(self):
        """Decryption undoes encryption, for every preset ("Stages" of docs/SCHEDULE.md)."""
        for shape, block in self.SHAPES:
            plain = pixels(shape[0] * shape[1] * shape[2])
            image = schedule.image_id(SECRET, "a", *shape, plain)
            schemes_here = [schemes.preset("none"), schemes.preset("keystream")]
            schemes_here += [schemes.preset("shuffle-flip", block, key, scramble)
                             for key in ("shared", "block") for scramble in (False, True)]
            for stages in schemes_here:
                hidden = schemes.encrypt(SECRET, stages, shape, plain, image)
                self.assertEqual(hidden != plain, bool(stages))
                self.assertEqual(schemes.decrypt(SECRET, stages, shape, hidden, image), plain)

    def test_shuffling_is_a_gather(self):
        """Pixel shuffling and block scrambling by hand ("Stages" of docs/SCHEDULE.md)."""
        plain = bytes(range(8))
        for stage in (schemes.Stage(schemes.SHUFFLING, (1, 4), "block"),
                      schemes.Stage(schemes.SHUFFLING, (1, 4), "shared")):
            draws = schedule.Draws(schedule.subkey(SECRET, schedule.descriptor([stage.text()], 0, 2, 4, 1)))
            first = draws.permutation(4)
            second = first if stage.key == "shared" else draws.permutation(4)
            self.assertEqual(schemes.encrypt(SECRET, [stage], (2, 4, 1), plain),
                             bytes([plain[p] for p in first] + [plain[4 + p] for p in second]))
        stage = schemes.Stage(schemes.SCRAMBLING, (1, 1))
        draws = schedule.Draws(schedule.subkey(SECRET, schedule.descriptor([stage.text()], 0, 2, 4, 1)))
        self.assertEqual(schemes.encrypt(SECRET, [stage], (2, 4, 1), plain), bytes(draws.permutation(8)))


if __name__ == "__main__":
    unittest.main()
