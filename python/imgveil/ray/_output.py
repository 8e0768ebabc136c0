"""What is in an output already: nothing, partitions of a run, or a set."""

from __future__ import annotations

import json
import os
import re
from typing import List, NamedTuple, Optional

from .. import UsageError

MANIFEST = "imgveil.json"
#: Manifests of partitions that are done, and journals of those that are begun.
_PARTITION = re.compile(r"(?:imgveil\.part-|\.imgveil-partial-)([1-9][0-9]*)-of-([1-9][0-9]*)(?:\.json)?")
#: The journal of a run without partitions.
_JOURNAL = ".imgveil-partial"


class Found(NamedTuple):
    """What an output holds."""

    #: The division of the partitions in it, if there are some.
    partitions: Optional[int] = None
    #: Whether a run without partitions began or completed it.
    whole: bool = False
    #: Whether its manifest was merged of partitions, and not yet written anew.
    merged: bool = False


def find(output: str) -> Found:
    """Looks into an output."""
    try:
        names = os.listdir(output)
    except OSError:
        # There is nothing, or the command says what is wrong.
        return Found()
    divisions = {int(match.group(2)) for match in map(_PARTITION.fullmatch, names) if match}
    if len(divisions) > 1:
        shown = " and ".join(map(str, sorted(divisions)))
        raise UsageError(f"{output} holds partitions of different divisions, into {shown}: remove those that are wrong")
    merged = MANIFEST in names and _parts(output) > 0
    if merged and divisions:
        _tidy(output, names)
        divisions = set()
    return Found(divisions.pop() if divisions else None, MANIFEST in names or _JOURNAL in names, merged)


def _parts(output: str) -> int:
    """How many partitions the manifest of a set was merged of."""
    try:
        with open(os.path.join(output, MANIFEST), encoding="utf-8") as file:
            return len(json.load(file).get("parts") or [])
    except (OSError, ValueError, AttributeError, TypeError):
        # The command says what is wrong with it.
        return 0


def _tidy(output: str, names: List[str]) -> None:
    """Removes what a merge that was cut at its end left: the manifest of the whole was written, and those of the
    partitions are no longer needed."""
    of = _parts(output)
    for name in names:
        match = _PARTITION.fullmatch(name)
        if match and name.endswith(".json") and int(match.group(2)) == of:
            slug = f"{match.group(1)}-of-{of}.csv"
            for path in [os.path.join(output, name), f"{output}.names-{slug}", f"{output}.failed-{slug}"]:
                if os.path.exists(path):
                    os.remove(path)
