"""Bech32 encoding (BIP 173), in plain Python."""

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def _polymod(values):
    """The checksum's polynomial remainder (BIP 173; "Secret and key file" of docs/SCHEDULE.md)."""
    remainder = 1
    for value in values:
        top = remainder >> 25
        remainder = (remainder & 0x1FFFFFF) << 5 ^ value
        for k in range(5):
            if top >> k & 1:
                remainder ^= GENERATOR[k]
    return remainder


def groups(data):
    """Bytes as 5-bit values, most significant bit first, the last value padded with zero bits (BIP 173;
    "Secret and key file" of docs/SCHEDULE.md)."""
    count = (8 * len(data) + 4) // 5
    number = int.from_bytes(data, "big") << (5 * count - 8 * len(data))
    return [number >> 5 * (count - 1 - k) & 31 for k in range(count)]


def encode_values(prefix, values):
    """5-bit values in Bech32, lower case, with the checksum constant 1 (BIP 173; "Secret and key file" of
    docs/SCHEDULE.md)."""
    prefix = prefix.lower()
    codes = prefix.encode("ascii")
    expanded = [c >> 5 for c in codes] + [0] + [c & 31 for c in codes]
    remainder = _polymod(expanded + list(values) + [0] * 6) ^ 1
    checksum = [remainder >> 5 * (5 - k) & 31 for k in range(6)]
    return prefix + "1" + "".join(ALPHABET[v] for v in list(values) + checksum)


def encode(prefix, data):
    """Bytes in Bech32, lower case (BIP 173; "Secret and key file" of docs/SCHEDULE.md)."""
    return encode_values(prefix, groups(data))
