"""imgveil on a cluster of Ray: two machines, each a process, with workers that are killed at work."""

import contextlib
import filecmp
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile

import imgveil
import numpy as np
import PIL.Image
import pytest
from conftest import ramp
from imgveil import _imgveil
from test_command import imgveil_command

# `python/check` sets this where PyPI has no Ray for this interpreter, and says so.
if os.environ.get("IMGVEIL_SKIP_RAY") == "1":
    pytest.skip("IMGVEIL_SKIP_RAY=1", allow_module_level=True)

import imgveil.ray
import ray
from imgveil.ray import _dataset, _options, _output, _process
from ray.cluster_utils import Cluster

SECRET = bytes(range(32))
KEY = imgveil.Key.from_bytes(SECRET)
NEEDS_COMMAND = pytest.mark.skipif(not _imgveil.has_command, reason="this build is without the command")
NEEDS_PROC = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found in /proc")


@pytest.fixture(autouse=True)
def limit():
    """No test hangs: it fails after a minute and a half."""

    def stop(*_):
        raise TimeoutError("the test hangs")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(90)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def key_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("key") / "a.key"
    KEY.save(path)
    return path


@pytest.fixture(scope="module")
def cluster(key_file):
    """Two machines of two CPUs. Their environment names the key."""
    os.environ["IMGVEIL_KEY"] = str(key_file)
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    node = {"num_cpus": 2, "object_store_memory": 100_000_000}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    cluster.add_node(**node)
    ray.init(address=cluster.address, logging_level="warning", log_to_driver=False)
    # Workers find the key in the environment that Ray started with, not in that of the driver.
    del os.environ["IMGVEIL_KEY"]
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def draw(folder, count, side):
    random = np.random.default_rng(1)
    for number in range(count):
        path = folder / ["train", "train", "test"][number % 3] / "ab"[number // 3 % 2] / f"patient-{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image = random.integers(0, 256, (side, side, 3)).astype(np.uint8)
        PIL.Image.fromarray(image).save(path, compress_level=1)
    return folder


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("few") / "images", 31, 16)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """So many that a worker can be killed in the middle."""
    return draw(tmp_path_factory.mktemp("many") / "images", 120, 224)


def files(path):
    if path.is_file():
        return {"": path.read_bytes()}
    return {str(one.relative_to(path)): one.read_bytes() for one in path.rglob("*") if one.is_file()}


def same_as_one_process(source, output, key_file, *words):
    """Whether a set and its file of names are, to the byte, what one process writes with the same salt."""
    if output.suffix == ".npz":
        with zipfile.ZipFile(output) as archive:
            text = archive.read("imgveil.json").decode()
    else:
        text = (output / "imgveil.json").read_text()
    alone = output.with_name("alone" + output.suffix)
    salt = json.loads(text)["salt"]
    done = imgveil_command("encrypt", "-k", key_file, *words, "--salt", salt, source, alone)
    assert done.returncode in (0, 3), done.stderr
    found, expected = files(output), files(alone)
    assert sorted(found) == sorted(expected)
    assert [name for name in found if found[name] != expected[name]] == []
    assert filecmp.cmp(f"{output}.names.csv", f"{alone}.names.csv", shallow=False)
    beside = sorted(path.name for path in output.parent.iterdir() if path.name.startswith(output.name))
    assert not list(output.parent.glob(".*")), "something was left"
    assert beside in ([output.name, f"{output.name}.names.csv"],
                      [output.name, f"{output.name}.failed.csv", f"{output.name}.names.csv"])
    return True


def test_ray_is_imported_only_when_it_is_used():
    text = "import imgveil, sys; assert 'ray' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", text]).returncode == 0
    text = (
        "import sys; sys.modules['ray'] = None\n"
        "try: import imgveil.ray\n"
        "except ImportError as error: assert 'pip install' in str(error) and 'ray[data]' in str(error); print('told')"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    assert done.stdout == "told\n", done.stderr


class TestBatches:
    def test_on_a_cluster(self, cluster, key_file):
        images = np.random.default_rng(1).integers(0, 256, (40, 16, 16, 3)).astype(np.uint8)
        data = ray.data.from_items([{"image": image, "label": label} for label, image in enumerate(images)])
        arguments = {"scheme": "shuffle-flip block=4", "key": str(key_file)}
        encrypted = data.map_batches(
            imgveil.ray.Encrypt, fn_constructor_kwargs=arguments, concurrency=2, batch_size=8
        ).take_all()
        expected = imgveil.Cipher("shuffle-flip block=4", KEY, (16, 16, 3)).encrypt(images)
        assert len(encrypted) == 40
        for row in encrypted:
            assert np.array_equal(row["image"], expected[row["label"]])

    def test_the_key_of_the_environment_and_by_reference(self, cluster):
        images = ramp((4, 8, 8, 3))
        expected = imgveil.Cipher("le", KEY, (8, 8, 3)).encrypt(images)
        data = ray.data.from_items([{"image": image} for image in images])
        reference = ray.put(KEY.allow_pickling())
        for arguments in [{}, {"key_ref": reference}]:
            rows = data.map_batches(
                imgveil.ray.Encrypt, fn_constructor_kwargs={"scheme": "le", **arguments}, concurrency=1
            ).take_all()
            found = sorted(row["image"].tobytes() for row in rows)
            assert found == sorted(image.tobytes() for image in expected)

    def test_a_worker_keeps_to_its_processors(self, cluster, key_file):
        def threads(path):
            imgveil.ray.Encrypt("le", path)
            return os.environ.get("RAYON_NUM_THREADS")

        assert ray.get(ray.remote(threads).options(num_cpus=2).remote(str(key_file))) == "2"

    def test_several_shapes(self, key_file):
        shapes = [(8, 8, 3), (16, 8, 3), (8, 8, 3), (8, 8), (16, 8, 3)]
        images = np.empty(5, dtype=object)
        for index, shape in enumerate(shapes):
            images[index] = ramp(shape) + np.uint8(index)
        batch = {"scan": images, "label": np.arange(5)}
        for floats in [False, True]:
            encrypt = imgveil.ray.Encrypt("shuffle-flip block=4", key_file, column="scan", floats=floats)
            done = encrypt(batch)
            assert done["label"] is batch["label"] and done["scan"].dtype == object
            for shape, image, encrypted in zip(shapes, images, done["scan"]):
                cipher = imgveil.Cipher("shuffle-flip block=4", KEY, shape)
                one = cipher.floats(image[None]) if floats else cipher.encrypt(image[None])
                assert np.array_equal(encrypted, one[0])

    def test_several_shapes_on_a_cluster(self, cluster, key_file):
        images = [ramp((8 * side, 8, 3)) for side in (1, 2, 3)]
        data = ray.data.from_items([{"image": image, "number": number} for number, image in enumerate(images)])
        arguments = {"scheme": "le", "key": str(key_file)}
        rows = data.map_batches(imgveil.ray.Encrypt, fn_constructor_kwargs=arguments, concurrency=1).take_all()
        for row in rows:
            image = images[row["number"]]
            assert np.array_equal(row["image"], imgveil.Cipher("le", KEY, image.shape).encrypt(image[None])[0])

    @pytest.mark.parametrize("objects", [False, True])
    def test_names_and_ids(self, key_file, objects):
        images, names = ramp((3, 8, 8, 3)), np.array(["a", "b", "c"], dtype=object)
        column = images
        if objects:
            column = np.empty(3, dtype=object)
            column[:] = list(images)
        encrypt = imgveil.ray.Encrypt("keystream", key_file, name_column="name")
        done = encrypt({"image": column, "name": names})
        cipher = imgveil.Cipher("keystream", KEY, (8, 8, 3))
        assert list(done["id"]) == cipher.ids(images, list(names)) and list(done["name"]) == list(names)
        assert np.array_equal(cipher.decrypt(np.stack(list(done["image"])), list(done["id"])), images)
        with pytest.raises(imgveil.BatchError, match="id_column"):
            encrypt({"image": column, "name": names, "id": names})
        with pytest.raises(imgveil.BatchError, match="name_column"):
            imgveil.ray.Encrypt("keystream", key_file)

    def test_other_depths_layouts_and_tables(self, key_file, tmp_path):
        deep = ramp((2, 8, 8, 1), 12)
        deep.flags.writeable = False
        done = imgveil.ray.Encrypt("shuffle-flip block=4", key_file, depth=12)({"image": deep})
        cipher = imgveil.Cipher("shuffle-flip block=4", KEY, (8, 8, 1), depth=12)
        assert np.array_equal(done["image"], cipher.encrypt(deep))
        cipher.tables().save(tmp_path / "tables.npz")
        by_tables = imgveil.ray.Encrypt("shuffle-flip block=4", tables=tmp_path / "tables.npz", depth=12)
        assert np.array_equal(by_tables({"image": deep})["image"], cipher.encrypt(deep))
        grey = np.asfortranarray(ramp((2, 8, 8)))
        done = imgveil.ray.Encrypt("le", key_file)({"image": grey})
        assert np.array_equal(done["image"], imgveil.Cipher("le", KEY, (8, 8)).encrypt(grey))
        assert imgveil.ray.Encrypt("le", key_file)({"image": ramp((2, 8, 8))[:0]})["image"].shape == (0, 8, 8)

    def test_batches_that_are_refused(self, key_file):
        encrypt = imgveil.ray.Encrypt("le", key_file)
        words = np.empty(1, dtype=object)
        words[0] = "no image"
        for batch, error, told in [
            ({"picture": ramp((1, 8, 8, 3))}, imgveil.BatchError, "no column 'image'; it has picture"),
            ({"image": np.zeros((1, 8, 8, 3))}, imgveil.DtypeError, "float64"),
            ({"image": np.zeros((8, 8), np.uint8)}, imgveil.BatchError, "N, H, W"),
            ({"image": words}, imgveil.DtypeError, "image 0 of the batch is str"),
            (ramp((1, 8, 8, 3)), imgveil.DtypeError, "batch_format"),
        ]:
            with pytest.raises(error, match=re.escape(told)):
                encrypt(batch)


def keys_that_are_refused(key_file, tmp_path):
    (tmp_path / "no.key").write_text("no key")
    return [
        ({"key": KEY}, TypeError, "key_ref"),
        ({"key": KEY.allow_pickling()}, TypeError, "key_ref"),
        ({"key": KEY.reveal()}, imgveil.InvalidKeyError, "not the path"),
        ({"key": 5}, TypeError, "not int"),
        ({"key_ref": KEY}, TypeError, "ray.put"),
        ({"key_ref": str(key_file)}, TypeError, "ray.put"),
        ({"key": key_file, "tables": key_file}, TypeError, "one of"),
        ({"key": tmp_path / "no.key"}, imgveil.InvalidKeyError, "no.key"),
    ]


def test_keys_that_are_refused(cluster, few, key_file, tmp_path, monkeypatch):
    for arguments, error, told in keys_that_are_refused(key_file, tmp_path):
        for call in [
            lambda: imgveil.ray.Encrypt("le", **arguments),
            lambda: imgveil.ray.encrypt_dataset(few, tmp_path / "out", scheme="le", progress=False, **arguments),
        ]:
            with pytest.raises(error, match=told) as caught:
                call()
            assert KEY.reveal() not in str(caught.value)
    for held, told in [("", "set IMGVEIL_KEY"), ("a.key", "relative"), ("imgveil-secret-key-1x", "damaged")]:
        monkeypatch.setenv("IMGVEIL_KEY", held)
        with pytest.raises(imgveil.InvalidKeyError, match=told):
            imgveil.ray.Encrypt("le")
    assert not (tmp_path / "out").exists()


@NEEDS_COMMAND
class TestSets:
    @pytest.mark.parametrize("words", [[], ["--format", "webdataset", "--per-shard", "4"], ["--keep-names"]])
    def test_the_bytes_of_one_process(self, cluster, few, key_file, tmp_path, words):
        options = {"format": "webdataset", "per_shard": 4} if "--per-shard" in words else {}
        options = {"keep_names": True} if "--keep-names" in words else options
        told, partitions = [], 3 if options else None
        summary = imgveil.ray.encrypt_dataset(
            few, tmp_path / "out", key_file, "shuffle-flip block=4", num_cpus=1, partitions=partitions,
            progress=lambda *numbers: told.append(numbers), **options
        )
        # Twice as many as there are CPUs.
        count = partitions or 8
        assert summary["partitions"] == count and summary["images"] == 31 and summary["key"] == KEY.fingerprint
        assert told[-1] == (count, count, 31) and len(told) == count
        assert summary["splits"] == {"test": 10, "train": 21}
        if options.get("keep_names"):
            (tmp_path / "out.names.csv").touch()
            (tmp_path / "alone.names.csv").touch()
        assert same_as_one_process(few, tmp_path / "out", key_file, "-s", "shuffle-flip block=4", *words)
        # Once more: there is nothing to do.
        before = (tmp_path / "out" / "imgveil.json").stat().st_mtime_ns
        again = imgveil.ray.encrypt_dataset(
            few, tmp_path / "out", key_file, "shuffle-flip block=4", progress=False, **options
        )
        assert again["resumed"] == 31 and (tmp_path / "out" / "imgveil.json").stat().st_mtime_ns == before

    @pytest.mark.parametrize("words, threads", [({}, "1 thread"), ({"threads": 2}, "2 threads")])
    def test_a_task_keeps_to_its_processors(self, cluster, few, key_file, tmp_path, words, threads):
        summary = imgveil.ray.encrypt_dataset(
            few, tmp_path / "out", key_file, "le", partitions=1, num_cpus=1, device="cpu", progress=False, **words
        )
        assert summary["device"] == f"CPU, {threads}"

    @pytest.mark.parametrize("form", ["npz", "npy"])
    def test_arrays(self, cluster, few, key_file, tmp_path, form):
        output = tmp_path / ("out.npz" if form == "npz" else "out")
        options = {} if form == "npz" else {"format": "npy"}
        summary = imgveil.ray.encrypt_dataset(few, output, key_file, "ele", progress=False, **options)
        assert summary["images"] == 31
        assert same_as_one_process(few, output, key_file, "-s", "ele", *(["--format", "npy"] if options else []))

    def test_an_archive_as_input_and_the_key_of_the_environment(self, cluster, key_file, tmp_path):
        np.savez(tmp_path / "in.npz", train_images=ramp((20, 8, 8)), train_labels=np.arange(20)[:, None] % 2)
        imgveil.ray.encrypt_dataset(
            tmp_path / "in.npz", tmp_path / "out", scheme="le", salt="5a" * 16, partitions=3, num_cpus=1, progress=False
        )
        assert json.loads((tmp_path / "out" / "imgveil.json").read_text())["salt"] == "5a" * 16
        assert same_as_one_process(tmp_path / "in.npz", tmp_path / "out", key_file, "-s", "le")

    def test_the_key_by_reference(self, cluster, few, key_file, tmp_path):
        reference = ray.put(KEY.allow_pickling())
        imgveil.ray.encrypt_dataset(
            few, tmp_path / "out", key_ref=reference, scheme="le", partitions=2, num_cpus=1, progress=False
        )
        assert same_as_one_process(few, tmp_path / "out", key_file, "-s", "le")

    def test_tables(self, cluster, few, tmp_path):
        tables = imgveil.Cipher("shuffle-flip block=4", KEY, (16, 16, 3)).tables()
        # Tables that another program wrote have no salt.
        np.savez(tmp_path / "tables.npz", **tables.arrays())
        with pytest.warns(UserWarning, match="salt of these tables"):
            imgveil.ray.encrypt_dataset(
                few, tmp_path / "out", tables=tmp_path / "tables.npz", scheme="shuffle-flip block=4", partitions=2,
                num_cpus=1, progress=False,
            )
        done = imgveil_command("verify", "--tables", tmp_path / "tables.npz", tmp_path / "out")
        assert done.returncode == 0, done.stderr

    def test_the_text_of_a_key_in_the_environment(self, few, key_file, tmp_path, monkeypatch):
        monkeypatch.setenv("IMGVEIL_KEY", KEY.reveal())
        command = ["encrypt", "--scheme=le", "--json", str(few), str(tmp_path / "out")]
        with _dataset._marker(str(tmp_path / "out")) as marker:
            ended = _process.run(command, ("environment", None), [], marker)
        assert ended.code == 0 and json.loads(ended.out)["key"] == KEY.fingerprint and "warning" not in ended.words

    def test_a_reference_to_no_key(self, cluster, few, tmp_path):
        reference = ray.put("no key")
        with pytest.raises(imgveil.InvalidKeyError, match="refers to str"):
            imgveil.ray.encrypt_dataset(few, tmp_path / "out", key_ref=reference, progress=False)

    def test_without_a_new_seal(self, cluster, few, key_file, tmp_path):
        summary = imgveil.ray.encrypt_dataset(
            few, tmp_path / "out", key_file, "le", partitions=3, num_cpus=1, seal=False, progress=False
        )
        assert summary["images"] == 31 and summary["splits"] == {"test": 10, "train": 21}
        for index in range(1, 4):
            done = imgveil_command("encrypt", "-k", key_file, "-s", "le", "--partition", f"{index}/3", few,
                                   tmp_path / "parts")
            assert done.returncode == 0
        assert imgveil_command("merge", tmp_path / "parts").returncode == 0
        assert files(tmp_path / "out") == files(tmp_path / "parts")
        assert imgveil_command("verify", "-k", key_file, tmp_path / "out").returncode == 0
        # It can be sealed later.
        imgveil.ray.encrypt_dataset(few, tmp_path / "out", key_file, "le", progress=False)
        assert same_as_one_process(few, tmp_path / "out", key_file, "-s", "le")

    def test_a_call_that_was_cut_goes_on(self, cluster, few, key_file, tmp_path):
        first = imgveil_command("encrypt", "-k", key_file, "-s", "le", "--partition", "2/5", few, tmp_path / "out")
        assert first.returncode == 0
        with pytest.raises(imgveil.UsageError, match="begun in 5"):
            imgveil.ray.encrypt_dataset(few, tmp_path / "out", key_file, "le", partitions=4, progress=False)
        summary = imgveil.ray.encrypt_dataset(few, tmp_path / "out", key_file, "le", num_cpus=1, progress=False)
        assert summary["partitions"] == 5 and summary["resumed"] == 6
        assert same_as_one_process(few, tmp_path / "out", key_file, "-s", "le")

    def test_a_merge_that_was_cut_at_its_end(self, cluster, few, key_file, tmp_path):
        output = tmp_path / "out"
        for index in (1, 2):
            imgveil_command("encrypt", "-k", key_file, "-s", "le", "--partition", f"{index}/2", few, output)
        left = {path: path.read_bytes()
                for path in [output / "imgveil.part-2-of-2.json", tmp_path / "out.names-2-of-2.csv"]}
        assert imgveil_command("merge", output).returncode == 0
        for path, data in left.items():
            path.write_bytes(data)
        assert _output.find(str(output)).merged
        imgveil.ray.encrypt_dataset(few, output, key_file, "le", progress=False)
        assert same_as_one_process(few, output, key_file, "-s", "le")

    def test_images_that_are_set_aside(self, cluster, key_file, tmp_path):
        images = draw(tmp_path / "images", 9, 8)
        damaged = images / "train" / "a" / "patient-0.png"
        damaged.write_bytes(damaged.read_bytes()[:60])
        with pytest.warns(UserWarning, match="1 image was set aside") as told:
            summary = imgveil.ray.encrypt_dataset(
                images, tmp_path / "out", key_file, "le", partitions=2, num_cpus=1, progress=False
            )
        assert len([warning for warning in told if "set aside" in str(warning.message)]) == 1
        assert summary["images"] == 8 and [one["path"] for one in summary["failed"]] == ["train/a/patient-0.png"]
        assert same_as_one_process(images, tmp_path / "out", key_file, "-s", "le")

    def test_names_elsewhere_and_other_options(self, cluster, few, key_file, tmp_path):
        options = {"resize": (8, 12), "channels": 1, "names": tmp_path / "who.csv"}
        for _ in range(2):
            summary = imgveil.ray.encrypt_dataset(
                few, tmp_path / "out", key_file, "shuffle-flip", block=4, partitions=2, num_cpus=1, progress=False,
                **options
            )
        names = (tmp_path / "who.csv").read_bytes()
        (tmp_path / "out.names.csv").write_bytes(names)
        words = ["-s", "shuffle-flip", "--resize", "8x12", "--channels", "1", "--block", "4"]
        assert summary["names"] == str(tmp_path / "who.csv")
        assert same_as_one_process(few, tmp_path / "out", key_file, *words)

    def test_a_dry_run_writes_nothing(self, cluster, few, key_file, tmp_path):
        summary = imgveil.ray.encrypt_dataset(few, tmp_path / "out", key_file, "le", dry_run=True, progress=False)
        assert summary["images"] == 31 and os.listdir(tmp_path) == []

    def test_errors_have_the_words_of_the_command(self, cluster, few, key_file, tmp_path):
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "file").touch()
        for changed, error, told in [
            ({"input": tmp_path / "none"}, imgveil.UsageError, "none"),
            ({"output": tmp_path / "other"}, imgveil.UsageError, "is not empty"),
            ({"block": 5, "partitions": 3}, imgveil.UsageError, "--pad"),
            ({"scheme": "no-such"}, imgveil.SchemeError, "no-such"),
            ({"scheme": str(tmp_path / "none.toml")}, imgveil.UsageError, "none.toml"),
            ({"device": 99}, imgveil.NoDeviceError, "99"),
            ({"key": tmp_path / "none.key"}, imgveil.UsageError, "none.key"),
            ({"partitions": 0}, imgveil.UsageError, "from 1 to"),
            ({"output": tmp_path / "other" / "file" / "out"}, imgveil.Error, "file"),
            ({"colour": 1}, TypeError, "no option 'colour'"),
            ({"pad": 1}, TypeError, "True or False"),
            ({"resize": True}, TypeError, "takes a value"),
            ({"depth": (8, 9)}, TypeError, "one value"),
        ]:
            arguments = {"input": few, "output": tmp_path / "out", "key": key_file, "partitions": 1, **changed}
            with pytest.raises(error, match=told) as caught:
                imgveil.ray.encrypt_dataset(progress=False, **arguments)
            assert not isinstance(caught.value, imgveil.Error) or "error:" not in str(caught.value)
        assert sorted(os.listdir(tmp_path)) == ["other"]

    @pytest.mark.parametrize("there", [False, True])
    def test_machines_that_do_not_share_files(self, cluster, few, key_file, tmp_path, monkeypatch, there):
        marker = tmp_path / "marker"
        if there:
            marker.write_text("of another call")
        monkeypatch.setattr(_dataset, "_marker", lambda _: contextlib.nullcontext((str(marker), "token")))
        with pytest.raises(imgveil.WorkerError, match="all machines share"):
            imgveil.ray.encrypt_dataset(few, tmp_path / "out", key_file, "le", progress=False)
        assert not (tmp_path / "out").exists()

    def test_every_option_of_the_command_is_there(self):
        told = imgveil_command("encrypt", "--help").stdout
        flags = {flag.replace("-", "_") for flag in re.findall(r"^ +(?:-\w, )?--([a-z-]+)", told, re.MULTILINE)}
        keys = {"key", "tables", "keys", "passphrase_file"}
        own = keys | {"scheme", "verbose", "quiet", "help", "json", "partition", "log"}
        assert flags - _options.NAMES == own
        assert _options.NAMES <= flags


def process_of(output, word):
    """The process of the command that works on an output, and the worker that started it."""
    for entry in pathlib.Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if entry.name.isdigit() and word in words and str(output) in words and "-c" in words:
                # After the name in brackets: the state and the parent.
                return int(entry.name), int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
    return None


def is_running(process):
    """Whether a process has not ended. One that nobody waited for has no command line."""
    try:
        return pathlib.Path(f"/proc/{process}/cmdline").read_bytes() != b""
    except OSError:
        return False


def kill_a_worker(output, word, journal, complete, killed):
    """Kills the worker whose command works, and lets the command notice only a while later. Adds to `killed` whether
    the command was at work, and whether it then ended without completing its part."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found = process_of(output, word)
        if found is not None and journal.exists():
            command, worker = found
            os.kill(command, signal.SIGSTOP)
            os.kill(worker, signal.SIGKILL)
            # Ray has run the task again by now, and it waits for the one that stands still.
            time.sleep(2)
            killed.append(journal.exists() and is_running(command) and not complete.exists())
            os.kill(command, signal.SIGCONT)
            while is_running(command) and time.monotonic() < until:
                time.sleep(0.001)
            # The next run looks for it four times a second, and takes longer to start.
            killed.append(not complete.exists())
            return
        time.sleep(0.001)


@NEEDS_COMMAND
@NEEDS_PROC
@pytest.mark.parametrize("form", ["png", "webdataset", "npz"])
def test_a_worker_that_is_killed(cluster, many, key_file, tmp_path, form):
    output = tmp_path / ("out.npz" if form == "npz" else "out")
    options = {"format": "webdataset", "per_shard": 10} if form == "webdataset" else {}
    words = ["-s", "shuffle-flip", *(["--format", "webdataset", "--per-shard", "10"] if options else [])]
    word = "encrypt" if form == "npz" else "--partition=2/4"
    journal = tmp_path / "out.npz.imgveil-partial" if form == "npz" else output / ".imgveil-partial-2-of-4"
    complete = output if form == "npz" else output / "imgveil.part-2-of-4.json"
    killed = []
    killer = threading.Thread(target=kill_a_worker, args=(output, word, journal, complete, killed))
    killer.start()
    summary = imgveil.ray.encrypt_dataset(
        many, output, key_file, "shuffle-flip", partitions=4, num_cpus=1, progress=False, **options
    )
    killer.join()
    assert killed == [True, True], "no worker was killed at work, or the command outlived it"
    assert summary["images"] == 120
    assert same_as_one_process(many, output, key_file, *words)


@NEEDS_COMMAND
@NEEDS_PROC
def test_a_worker_that_dies_every_time(cluster, many, key_file, tmp_path):
    killed = []
    output = tmp_path / "out"
    journal, complete = output / ".imgveil-partial-2-of-3", output / "imgveil.part-2-of-3.json"
    killer = threading.Thread(target=kill_a_worker, args=(output, "--partition=2/3", journal, complete, killed))
    killer.start()
    with pytest.raises(imgveil.WorkerError, match="partition 2/3"):
        imgveil.ray.encrypt_dataset(
            many, tmp_path / "out", key_file, "shuffle-flip", partitions=3, num_cpus=1, retries=0, progress=False
        )
    killer.join()
    # What was begun goes on, in as many partitions.
    summary = imgveil.ray.encrypt_dataset(many, tmp_path / "out", key_file, "shuffle-flip", num_cpus=1, progress=False)
    assert summary["partitions"] == 3
    assert same_as_one_process(many, tmp_path / "out", key_file, "-s", "shuffle-flip")


def test_logs_do_not_hold_the_secret(cluster):
    # The last test: all others have left their logs.
    folder = pathlib.Path(ray._private.worker._global_node.get_session_dir_path())
    logs = [path for path in folder.rglob("*") if path.is_file()]
    assert len(logs) > 5
    for path in logs:
        data = path.read_bytes()
        assert KEY.reveal().encode().lower() not in data.lower() and SECRET.hex().encode() not in data, path
