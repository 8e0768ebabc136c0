"""Where a worker finds the secret: a path, an environment variable, or, only when asked, Ray's object store."""

from __future__ import annotations

import os
from typing import Any, Optional, Union

import ray

from .. import InvalidKeyError, Key, Tables

#: The environment variable that names a key file, or holds the text of one.
VARIABLE = "IMGVEIL_KEY"

_Path = Union[str, "os.PathLike[str]"]

#: How the text of a key begins. A path does not.
_TEXT = "imgveil-secret-key-1"


def checked_path(path: Any, what: str) -> str:
    """The absolute path of a file of a secret. Secrets themselves are refused: Ray would store and log them."""
    if isinstance(path, (Key, Tables, dict)):
        raise TypeError(
            f"{what} is the path of a file that every worker can read, because Ray stores the arguments of its tasks. "
            "To send a key through Ray's object store, pass key_ref=ray.put(key.allow_pickling())"
        )
    if isinstance(path, ray.ObjectRef):
        raise TypeError(f"{what} is the path of a file: pass a reference to a key as key_ref")
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{what} is the path of a file, not {type(path).__name__}")
    text = os.fspath(path)
    if text.lstrip().lower().startswith(_TEXT) and not os.path.exists(text):
        raise InvalidKeyError(
            f"{what} is the text of a key and not the path of its file: it was not used, and others may have seen it"
        )
    return os.path.abspath(text)


def check_reference(key_ref: Any) -> None:
    """Refuses what is no reference to an object in Ray's store."""
    if not isinstance(key_ref, ray.ObjectRef):
        raise TypeError(
            f"key_ref is what ray.put(key.allow_pickling()) returns, and not {type(key_ref).__name__}: pass the path "
            "of a key file as key"
        )


def check_one(key: Any, tables: Any, key_ref: Any) -> None:
    """Refuses several secrets."""
    if sum(one is not None for one in (key, tables, key_ref)) > 1:
        raise TypeError("one of key, tables and key_ref is given, not several")


def referred(key_ref: Any) -> Key:
    """The key behind a reference."""
    key = ray.get(key_ref)
    if not isinstance(key, Key):
        raise TypeError(f"key_ref refers to {type(key).__name__}, and not to an imgveil.Key")
    return key


def of_environment() -> Union[Key, str]:
    """The key that `IMGVEIL_KEY` holds in this process, or the path that it names."""
    held = os.environ.get(VARIABLE, "").strip()
    if not held:
        raise InvalidKeyError(
            f"there is no key: pass the path of a key file as key, or set {VARIABLE} to one on every machine before "
            "Ray starts there"
        )
    if _TEXT in held.lower():
        return Key.from_text(held)
    if not os.path.isabs(held):
        raise InvalidKeyError(f"{VARIABLE} names a relative path, and workers run in folders of their own")
    return held


def secret(key: Optional[_Path], tables: Optional[_Path], key_ref: Any) -> Union[Key, Tables, str]:
    """The secret, or the path of a key file, that these arguments mean in this process."""
    check_one(key, tables, key_ref)
    if key_ref is not None:
        check_reference(key_ref)
        return referred(key_ref)
    if tables is not None:
        return Tables.load(checked_path(tables, "tables"))
    return of_environment() if key is None else checked_path(key, "key")
