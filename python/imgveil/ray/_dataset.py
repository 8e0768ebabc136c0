"""Encrypts a set of files on all machines of a cluster."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import sys
import time
import warnings
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple, Type, Union

import ray

from .. import Error, FileError, InvalidKeyError, NoDeviceError, Scheme, SetError, UsageError, WorkerError
from . import _options, _output, _process, _secrets

_Path = Union[str, "os.PathLike[str]"]

#: Partitions for each task that can run at once: a lost worker costs less, and progress shows.
_PARTITIONS_PER_TASK = 2
#: As many partitions as the command takes.
_MOST_PARTITIONS = 65536

#: How the command tells that it wrote a salt, without which nothing can be decrypted.
_SALT = "the salt of these tables: "

#: The end of the command's warning of images that it left out.
_ASIDE = " set aside:"

#: The exceptions of the command's exit codes.
_CLASSES: Dict[int, Tuple[Type[Error], str]] = {
    1: (Error, "other"),
    2: (UsageError, "usage"),
    4: (InvalidKeyError, "key"),
    5: (SetError, "set"),
    6: (NoDeviceError, "no_device"),
}


def encrypt_dataset(
    input: _Path,
    output: _Path,
    key: Optional[_Path] = None,
    scheme: Union[Scheme, str] = "etc-image",
    *,
    tables: Optional[_Path] = None,
    key_ref: Any = None,
    partitions: Optional[int] = None,
    num_cpus: Optional[float] = None,
    num_gpus: float = 0,
    resources: Optional[Dict[str, float]] = None,
    retries: int = 3,
    seal: bool = True,
    progress: Union[bool, Callable[[int, int, int], None]] = True,
    **options: Any,
) -> Dict[str, Any]:
    """Encrypts a set with all machines of a Ray cluster, to the bytes that `imgveil encrypt` writes in one process with
    the same salt.

    `input` and `output` are as for the command; they must be on a file system that all machines and the driver see
    under the same path. `options` are the command's, such as `block=8`, `resize=(192, 256)`, `pad=True`,
    `labels="labels.csv"` or `format="webdataset"`. `scheme` may be a `FILE.toml`.

    `key` is the path of a key file that every worker can read; without it, workers read the environment variable
    `IMGVEIL_KEY`, which names such a file or holds its text. `tables` is the path of written-out tables instead. A key
    goes through Ray's object store only as `key_ref=ray.put(key.allow_pickling())`.

    The set is divided into `partitions`, each a task of `num_cpus` CPUs (by default all of the smallest machine) and as
    many threads (or `threads`), `num_gpus` and other `resources`. By default there are twice as many as can run at once; a
    rerun keeps the number. Arrays (`.npz`, `format="npy"`) are written by one process.

    A task whose worker dies is run again by Ray, up to `retries` times, and goes on where it was. So does a call that
    was cut and is repeated. In the end the partitions are merged, and one process seals the set anew, for which it
    reads the encrypted files once. With `seal=False` the set keeps the seals of its partitions, as after `imgveil
    merge`.

    `progress` prints a line when partitions are done, and the command's notes; or it is called with the numbers of
    partitions that are done, of all partitions, and of images.

    Returns the command's summary, a dictionary with `images`, `failed` (the images that were set aside, which is also a
    warning), `splits`, `classes`, `key` (its fingerprint) and others, and with `partitions`.

    Raises the exceptions of `imgveil.errors` with the words of the command, and `imgveil.WorkerError` when workers die
    or do not see the files.
    """
    paths = [os.path.abspath(os.fspath(path)) for path in (input, output)]
    flags = [f"--scheme={_scheme_text(scheme)}", *_options.words(options)]
    source = _source(key, tables, key_ref)
    if partitions is not None and (isinstance(partitions, bool) or not 1 <= int(partitions) <= _MOST_PARTITIONS):
        raise UsageError(f"partitions is a number from 1 to {_MOST_PARTITIONS}, not {partitions!r}")
    if not ray.is_initialized():
        ray.init()
    if num_cpus is None:
        num_cpus = _cpus_of_smallest(num_gpus)
    resources_of_task = {"num_cpus": num_cpus, "num_gpus": num_gpus, "resources": resources}
    with _marker(paths[1]) as marker:
        demands = {**resources_of_task, "max_retries": retries}
        job = _Job(flags, paths, source, key_ref, marker, demands, notes=progress is True)
        summary = job.run(options, partitions, seal, _reporter(progress))
    failed = len(summary.get("failed", []))
    if failed > 0:
        were = f"{failed} images were" if failed > 1 else "1 image was"
        warnings.warn(f"{were} set aside: the summary's `failed` has the reasons", stacklevel=2)
    return summary


class _Job:
    """One call of `encrypt_dataset`."""

    def __init__(
        self,
        flags: List[str],
        paths: List[str],
        source: Tuple[str, Optional[str]],
        key_ref: Any,
        marker: Tuple[str, str],
        demands: Dict[str, Any],
        notes: bool,
    ) -> None:
        self.flags, self.paths, self.source, self.key_ref, self.marker = flags, paths, source, key_ref, marker
        # Only what a signal ended is run again. What the command refuses, it would refuse again.
        self.demands = {**demands, "retry_exceptions": [_process.Killed]}
        self.task = ray.remote(_process.run)
        #: Whether notes of the command are printed.
        self.notes = notes
        #: Warnings and notes that were told. Partitions repeat them.
        self.told: List[str] = []

    def run(
        self,
        options: Dict[str, Any],
        partitions: Optional[int],
        seal: bool,
        report: Callable[[int, int, int], None],
    ) -> Dict[str, Any]:
        output = self.paths[1]
        if options.get("dry_run") or _options.writes_arrays(output, options.get("format")):
            return self._whole([], report)
        found = _output.find(output)
        if found.partitions is None and found.whole:
            # Done before. The command says so, or why it is not the same run.
            return self._whole(["--retry-failed"] if found.merged and seal else [], report, options)
        if found.partitions is not None:
            if partitions not in (None, found.partitions):
                raise UsageError(
                    f"{output} was begun in {found.partitions} partitions, and {partitions} are asked for: leave "
                    "partitions out, or name another output"
                )
            partitions = found.partitions
        count = int(partitions or _default_partitions(self.demands))
        if count == 1 and found.partitions is None:
            return self._whole([], report)
        summary = self._partitions(count, options, report)
        self._ended(self._one(["merge", output], with_key=False, name="merge"))
        self._move_names(options)
        if seal:
            # What the partitions did counts, not what sealing found done.
            done: Dict[str, Any] = {name: summary[name] for name in ("resumed", "seconds") if name in summary}
            summary = {**_cleared(self._whole(["--retry-failed"], None, options)), **done}
        return {**summary, "partitions": count}

    def _partitions(
        self, count: int, options: Dict[str, Any], report: Callable[[int, int, int], None]
    ) -> Dict[str, Any]:
        # Partitions have files of names of their own until they are merged.
        flags = [flag for flag in self.flags if not flag.startswith("--names=")]
        tasks = {}
        for index in range(1, count + 1):
            command = ["encrypt", *flags, f"--partition={index}/{count}", "--json", "--", *self.paths]
            tasks[self._start(command, f"imgveil partition {index}/{count}")] = index
        waiting, summaries, images, began = list(tasks), {}, 0, time.monotonic()
        try:
            while waiting:
                done, waiting = ray.wait(waiting)
                for task in done:
                    index = tasks[task]
                    summaries[index] = self._ended(self._result(task, f"partition {index}/{count}"))
                    images += summaries[index].get("images", 0)
                    report(len(summaries), count, images)
        finally:
            # After an error, or Ctrl-C.
            for task in waiting:
                with contextlib.suppress(Exception):
                    ray.cancel(task, force=True)
        return {**_joined([summaries[index] for index in sorted(summaries)]), "seconds": time.monotonic() - began}

    def _whole(
        self,
        more: List[str],
        report: Optional[Callable[[int, int, int], None]],
        options: Optional[Dict[str, Any]] = None,
    ) -> Dict[str, Any]:
        """The command without partitions, on one worker."""
        if options is not None:
            self._move_names(options)
        more = [flag for flag in more if flag not in self.flags]
        command = ["encrypt", *self.flags, *more, "--json", "--", *self.paths]
        summary = self._ended(self._one(command, with_key=True, name="encrypt"))
        if report is not None:
            report(1, 1, summary.get("images", 0))
        return {**summary, "partitions": 1}

    def _move_names(self, options: Dict[str, Any]) -> None:
        """Moves the merged file of names to where it is wanted."""
        wanted, merged = options.get("names"), f"{self.paths[1]}.names.csv"
        if wanted is not None and os.path.exists(merged) and not os.path.exists(wanted):
            shutil.move(merged, os.path.abspath(os.fspath(wanted)))

    def _start(self, command: List[str], name: str, with_key: bool = True) -> Any:
        source = self.source if with_key else ("none", None)
        # Within a list the reference stays one. Ray would write a small object itself into the task.
        key = [self.key_ref] if source[0] == "reference" else []
        return self.task.options(name=name, **self.demands).remote(command, source, key, self.marker)

    def _one(self, command: List[str], with_key: bool, name: str) -> Any:
        task = self._start(command, f"imgveil {name}", with_key)
        try:
            return self._result(task, name)
        except BaseException:
            with contextlib.suppress(Exception):
                ray.cancel(task, force=True)
            raise

    def _result(self, task: Any, what: str) -> Any:
        try:
            return ray.get(task)
        except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, _process.Killed) as error:
            cause = error.args[0] if isinstance(error, _process.Killed) else type(error).__name__
            raise WorkerError(
                f"{what}: its worker died every time it was tried ({cause}); call again to go on from there"
            ) from error
        except ray.exceptions.OutOfMemoryError as error:
            raise WorkerError(f"{what}: its worker had too little memory; memory= bounds what it uses") from error

    def _ended(self, ended: Any) -> Dict[str, Any]:
        """The summary of a run that ended well. Its warnings are repeated here."""
        if isinstance(ended, _process.Unshared):
            raise WorkerError(
                f"machine {ended.machine} does not see {os.path.dirname(self.marker[0])} as the driver does: "
                "input, output and key must be on a file system that all machines share, under the same path. Or "
                "another call works on the same output"
            )
        lines = ended.words.splitlines()
        for line in lines:
            if line in self.told:
                continue
            # What partitions set aside is told once, in the end.
            if line.startswith(("warning: ", _SALT)) and not line.endswith(_ASIDE):
                self.told.append(line)
                text = line[len("warning: ") :] if line.startswith("warning: ") else line
                warnings.warn(text, stacklevel=5)
            elif line.startswith("note: ") and self.notes:
                self.told.append(line)
                print(line, file=sys.stderr)
        if ended.code not in (0, 3):
            kind, word = _CLASSES.get(ended.code, (Error, "other"))
            text = ended.words.partition("error: ")[2].strip() or ended.words.strip()
            error = kind(text or f"the command ended with exit code {ended.code}")
            error.kind = word
            raise error
        summary: Dict[str, Any] = json.loads(ended.out) if ended.out.lstrip().startswith("{") else {}
        return summary


def _scheme_text(scheme: Union[Scheme, str]) -> str:
    """A scheme as the command takes it. Its text is checked here, and its file by the command."""
    if isinstance(scheme, str) and scheme.strip().lower().endswith(".toml"):
        return os.path.abspath(scheme)
    text = str(scheme if isinstance(scheme, Scheme) else Scheme(scheme))
    if isinstance(scheme, Scheme) and _reads_as(text) != scheme:
        raise UsageError(f"scheme {text} is not one that a text names: pass the path of its file")
    return scheme if isinstance(scheme, str) else text


def _reads_as(text: str) -> Optional[Scheme]:
    try:
        return Scheme(text)
    except Error:
        return None


def _source(key: Any, tables: Any, key_ref: Any) -> Tuple[str, Optional[str]]:
    """Where workers find the secret."""
    _secrets.check_one(key, tables, key_ref)
    if key_ref is not None:
        _secrets.check_reference(key_ref)
        return "reference", None
    if tables is not None:
        return "path", f"--tables={_secrets.checked_path(tables, 'tables')}"
    if key is not None:
        return "path", f"--key={_secrets.checked_path(key, 'key')}"
    return "environment", None


def _nodes(num_gpus: float) -> List[float]:
    """The CPUs of every machine on which tasks can run."""
    alive = [node.get("Resources", {}) for node in ray.nodes() if node.get("Alive")]
    return [node["CPU"] for node in alive if node.get("CPU", 0) >= 1 and node.get("GPU", 0) >= num_gpus]


def _cpus_of_smallest(num_gpus: float) -> float:
    return min(_nodes(num_gpus), default=1)


def _default_partitions(demands: Dict[str, Any]) -> int:
    cpus, gpus = demands.get("num_cpus") or 1, demands.get("num_gpus") or 0
    at_once = sum(int(have // cpus) for have in _nodes(gpus))
    return min(_MOST_PARTITIONS, max(2, _PARTITIONS_PER_TASK * at_once))


@contextlib.contextmanager
def _marker(output: str) -> Iterator[Tuple[str, str]]:
    """A file beside the output, or in the folder that the output's folder will be in, and the token that it holds: by
    them workers see that they share the file system. The next call for this output replaces one that was left."""
    folder = os.path.dirname(output)
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    path, token = os.path.join(folder, f".{os.path.basename(output)}.imgveil-ray"), secrets.token_hex(16)
    try:
        with open(path, "w") as file:
            file.write(token)
    except OSError as error:
        raise FileError(f"cannot write into {folder}: {error.strerror}") from error
    try:
        yield path, token
    finally:
        with contextlib.suppress(OSError):
            os.remove(path)


def _joined(summaries: List[Dict[str, Any]]) -> Dict[str, Any]:
    """The summary of partitions together."""
    joined: Dict[str, Any] = dict(summaries[0]) if summaries else {}
    for one in summaries[1:]:
        for name, value in one.items():
            held = joined.get(name)
            if name in ("splits", "classes") and isinstance(value, dict):
                counts = dict(held or {})
                for part, number in value.items():
                    counts[part] = counts.get(part, 0) + number
                joined[name] = counts
            elif name in ("images", "resumed", "bytes", "turned") and isinstance(value, int):
                joined[name] = (held or 0) + value
            elif name == "failed" and isinstance(value, list):
                joined[name] = [*(held or []), *value]
    return _cleared({name: value for name, value in joined.items() if name != "names"})


def _cleared(summary: Dict[str, Any]) -> Dict[str, Any]:
    """A summary without what is about one process alone."""
    return {name: value for name, value in summary.items() if name not in ("seconds", "busy", "device")}


def _reporter(progress: Union[bool, Callable[[int, int, int], None]]) -> Callable[[int, int, int], None]:
    if callable(progress):
        return progress
    began = told = time.monotonic()

    def report(done: int, of: int, images: int) -> None:
        nonlocal told
        now = time.monotonic()
        if not progress or (done < of and now - told < 1.0):
            return
        told = now
        seconds = max(now - began, 1e-3)
        left = f", {seconds / done * (of - done):.0f} s left" if done < of else ""
        part = "partition" if of == 1 else "partitions"
        rate = images / seconds
        print(f"encrypting: {done} of {of} {part}, {images} images, {rate:.0f} images/s{left}", file=sys.stderr)

    return report
