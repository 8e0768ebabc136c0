"""Keyword arguments that become flags of `imgveil encrypt`."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional

#: Options with a value.
_VALUES = frozenset(
    "block key_scope statistic channel_table resize window axis labels channels exif_orientation memory depth format "
    "jpeg_quality per_shard mask mask_file keep_members copies names salt split_by threads device "
    "device_timeout".split()
)
#: Options without one.
_SWITCHES = frozenset(
    "scramble sign_flip pad crop follow_links keep_names keep_classes no_labels dry_run retry_failed".split()
)
#: Options that hold paths. Workers run in other folders.
_PATHS = frozenset(["labels", "mask_file", "names"])
#: What separates the parts of a value that is a tuple or a list.
_SEPARATORS = {"block": "x", "resize": "x", "window": ",", "mask": ",", "keep_members": ","}

#: Every option.
NAMES = _VALUES | _SWITCHES


def words(options: Dict[str, Any]) -> List[str]:
    """The flags of these options.

    >>> words({"resize": (192, 256), "pad": True, "crop": False, "format": None})
    ['--resize=192x256', '--pad']
    """
    flags: List[str] = []
    for name, value in options.items():
        if name not in NAMES:
            raise TypeError(f"there is no option {name!r}; the options are {', '.join(sorted(NAMES))}")
        if value is None or value is False:
            continue
        flag = "--" + name.replace("_", "-")
        if name in _SWITCHES:
            if value is not True:
                raise TypeError(f"{name} is True or False, not {value!r}")
            flags.append(flag)
            continue
        flags.append(f"{flag}={_text(name, value)}")
    return flags


def _text(name: str, value: Any) -> str:
    if value is True:
        raise TypeError(f"{name} takes a value, and True is none")
    if isinstance(value, (tuple, list)):
        if name not in _SEPARATORS:
            raise TypeError(f"{name} takes one value, and {value!r} has several")
        return _SEPARATORS[name].join(str(part) for part in value)
    return os.path.abspath(os.fspath(value)) if name in _PATHS else str(value)


def writes_arrays(output: str, format: Optional[Any]) -> bool:
    """Whether the output is an archive or arrays, which one process writes."""
    return output.lower().endswith(".npz") or str(format).lower() in ("npz", "npy")
