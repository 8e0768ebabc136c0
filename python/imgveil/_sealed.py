"""Key files that are sealed with a passphrase, in the format of age (age-encryption.org/v1), by the package `pyrage`.
The program `age` opens them too."""

from __future__ import annotations

import base64
import binascii
import os
import stat
import time
import warnings
from typing import Any, Optional

from .errors import ExistingFileError, FileError, InvalidKeyError, MissingFileError

_HEADER = b"age-encryption.org/v1"
#: The command writes the same bytes as text.
_BEGIN, _END = b"-----BEGIN AGE ENCRYPTED FILE-----", b"-----END AGE ENCRYPTED FILE-----"
#: A sealed key has some hundred bytes.
_LONGEST = 65536


def _passphrases() -> Any:
    try:
        from pyrage import passphrase
    except ImportError as error:
        raise ImportError("passphrases need the package pyrage: pip install 'imgveil[passphrase]'") from error
    return passphrase


def _binary(sealed: bytes) -> bytes:
    """The bytes that a text in ASCII armor means, which may have comments before it. Other bytes stay as they are."""
    lines = [line.strip() for line in sealed.splitlines()]
    while lines and (not lines[0] or lines[0].startswith(b"#")):
        del lines[0]
    if not lines or lines[0] != _BEGIN:
        return sealed
    try:
        return base64.b64decode(b"".join(lines[1 : lines.index(_END)]), validate=True)
    except (ValueError, binascii.Error):
        # What is no armor after all does not open.
        return _HEADER


def save(text: str, path: "os.PathLike[str]", passphrase: str) -> None:
    """Writes the text of a key file, sealed, to a new file that only its owner can read."""
    if not passphrase:
        raise InvalidKeyError("a passphrase has at least one character")
    sealed = _passphrases().encrypt(text.encode(), passphrase)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ExistingFileError(
            f"{path} exists already; a key is never overwritten, because what it encrypted would be lost: choose "
            "another name"
        ) from None
    except FileNotFoundError:
        raise MissingFileError(f"there is no folder for {path}: make it first, or choose another path") from None
    except OSError as error:
        raise FileError(f"cannot write the key file {path}: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(sealed)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        os.unlink(path)
        raise FileError(f"cannot write the key file {path}: {error.strerror}") from error


def opened(path: "os.PathLike[str]", passphrase: Optional[str]) -> Optional[str]:
    """The text of a sealed key file; None for a file that is not sealed."""
    try:
        # A pipe, say, is not waited for.
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            return None
        with open(path, "rb") as file:
            sealed = file.read(_LONGEST)
    except OSError:
        # Reading it as a plain key file says what is wrong.
        return None
    sealed = _binary(sealed)
    if not sealed.startswith(_HEADER):
        if passphrase is not None:
            raise InvalidKeyError(f"{path} is not sealed with a passphrase")
        return None
    if passphrase is None:
        raise InvalidKeyError(f"{path} is sealed with a passphrase: pass it as passphrase=")
    if os.name == "posix" and found.st_mode & 0o077:
        warnings.warn(f"{path} has mode {found.st_mode & 0o7777:04o}: other users can read the key", stacklevel=2)
    try:
        return _passphrases().decrypt(sealed, passphrase).decode()
    except ImportError:
        raise
    except Exception as error:
        raise InvalidKeyError(f"{path} cannot be opened: the passphrase is wrong, or the file is damaged") from error


def created() -> str:
    """The time for the comment of a key file, as ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
