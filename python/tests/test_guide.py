"""The examples of the documentation run as they are written."""

import doctest
import os
import re
import sysconfig

import imgveil
import imgveil.errors
import numpy as np
import PIL.Image
import pytest
from conftest import ROOT
from imgveil import _imgveil

OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL


def examples_of(module, least):
    # The classes of the native part are found through their docstrings: doctest looks into classes of Python alone.
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner(optionflags=OPTIONS)
    for test in finder.find(module):
        runner.run(test)
    for name in getattr(module, "__all__", []):
        one = getattr(module, name)
        if type(one).__module__ == "builtins" and getattr(one, "__doc__", None):
            members = [(name, one)] + [(f"{name}.{part}", getattr(one, part)) for part in dir(one) if part[0] != "_"]
            for title, member in members:
                text = getattr(member, "__doc__", None) or ""
                if ">>>" in text and getattr(one, "__module__", "") == "imgveil":
                    parsed = doctest.DocTestParser().get_doctest(text, {}, title, None, 0)
                    runner.run(parsed)
    results = runner.summarize()
    assert results.failed == 0
    assert results.attempted >= least, results


def test_docstrings():
    examples_of(imgveil, 20)
    examples_of(imgveil.errors, 2)


def test_docstrings_of_torch():
    pytest.importorskip("torch")
    import imgveil.torch._encrypt
    import imgveil.torch._plan
    import imgveil.torch._tensors

    examples_of(imgveil.torch._encrypt, 6)
    examples_of(imgveil.torch._plan, 3)
    examples_of(imgveil.torch._tensors, 2)


@pytest.mark.skipif(os.environ.get("IMGVEIL_SKIP_RAY") == "1", reason="IMGVEIL_SKIP_RAY=1")
def test_docstrings_of_ray():
    import imgveil.ray._encrypt
    import imgveil.ray._options

    examples_of(imgveil.ray._encrypt, 6)
    examples_of(imgveil.ray._options, 1)


def test_everything_public_is_documented():
    pytest.importorskip("torch")
    import imgveil.torch

    modules = [imgveil, imgveil.torch]
    if os.environ.get("IMGVEIL_SKIP_RAY") != "1":
        import imgveil.ray

        modules.append(imgveil.ray)
    for module in modules:
        for name in module.__all__:
            one = getattr(module, name)
            if isinstance(one, (str, type(os))):
                continue
            assert one.__doc__, name
            for part in vars(one) if isinstance(one, type) else []:
                if not part.startswith("_") and callable(getattr(one, part)):
                    assert getattr(one, part).__doc__ or part in ("forward", "extra_repr"), f"{name}.{part}"


def draw(folder):
    """Images of two classes: bright or dark in the middle."""
    random = np.random.default_rng(1)
    for split, count in [("train", 64), ("val", 16), ("test", 32)]:
        for number in range(count):
            image = random.integers(60, 130, (32, 32, 3))
            image[8:24, 8:24] += 60 * (number % 2)
            path = folder / split / ["healthy", "pneumonia"][number % 2] / f"patient-{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            PIL.Image.fromarray(image.astype(np.uint8)).save(path)


@pytest.mark.skipif(not _imgveil.has_command, reason="this build is without the command")
def test_the_guide(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    draw(tmp_path / "images")
    monkeypatch.chdir(tmp_path)
    # As in an environment that is activated.
    monkeypatch.setenv("PATH", sysconfig.get_path("scripts"), prepend=os.pathsep)
    text = (ROOT / "docs" / "python.md").read_text()
    if os.environ.get("IMGVEIL_SKIP_RAY") == "1":
        text = re.sub(r"(?s)\n## On a cluster.*?(?=\n## )", "", text)
    (tmp_path / "guide.md").write_text(text)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    results = doctest.testfile(str(tmp_path / "guide.md"), module_relative=False, optionflags=OPTIONS)
    assert results.failed == 0 and results.attempted > 25
