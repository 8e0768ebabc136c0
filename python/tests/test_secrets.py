"""Keys and tables: files, and what does not show."""

import base64
import copy
import os
import pickle
import stat

import imgveil
import numpy as np
import pytest

SECRET = bytes(range(32))


def test_key_files(tmp_path, key):
    path = tmp_path / "a.key"
    key.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    assert imgveil.Key.load(path) == imgveil.Key.load(str(path)) == key
    assert imgveil.Key.from_text(text) == key
    with pytest.raises(FileExistsError, match="never overwritten"):
        imgveil.Key.generate().save(path)
    assert path.read_text() == text
    with pytest.raises(imgveil.MissingFileError) as caught:
        imgveil.Key.load(tmp_path / "b.key")
    assert isinstance(caught.value, FileNotFoundError) and caught.value.kind == "not_found"
    with pytest.raises(imgveil.MissingFileError):
        key.save(tmp_path / "none" / "a.key")
    path.write_text(text.replace("Q", "P", 1).replace("1", "2"))
    with pytest.raises(imgveil.InvalidKeyError):
        imgveil.Key.load(path)


def test_a_key_that_others_can_read_is_warned_about(tmp_path, key):
    path = tmp_path / "a.key"
    key.save(path)
    path.chmod(0o644)
    with pytest.warns(UserWarning, match="0644"):
        assert imgveil.Key.load(path) == key


def test_keys_sealed_with_a_passphrase(tmp_path, key):
    passphrases = pytest.importorskip("pyrage").passphrase
    path = tmp_path / "sealed.key"
    key.save(path, passphrase="correct horse")
    sealed = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and key.reveal().encode() not in sealed
    assert imgveil.Key.load(path, passphrase="correct horse") == key
    # What another program opens is an ordinary key file.
    assert imgveil.Key.from_text(passphrases.decrypt(sealed, "correct horse").decode()) == key
    with pytest.raises(FileExistsError):
        imgveil.Key.generate().save(path, passphrase="other")
    assert path.read_bytes() == sealed
    with pytest.raises(imgveil.InvalidKeyError, match="passphrase is wrong"):
        imgveil.Key.load(path, passphrase="wrong horse")
    with pytest.raises(imgveil.InvalidKeyError, match="is sealed"):
        imgveil.Key.load(path)
    with pytest.raises(imgveil.InvalidKeyError, match="is sealed"):
        imgveil.Cipher("le", path, (8, 8))
    with pytest.raises(imgveil.InvalidKeyError, match="at least one"):
        key.save(tmp_path / "none.key", passphrase="")
    with pytest.raises(FileNotFoundError):
        key.save(tmp_path / "none" / "a.key", passphrase="x")
    key.save(tmp_path / "plain.key")
    with pytest.raises(imgveil.InvalidKeyError, match="not sealed"):
        imgveil.Key.load(tmp_path / "plain.key", passphrase="x")
    path.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    with pytest.raises(imgveil.InvalidKeyError, match="damaged"):
        imgveil.Key.load(path, passphrase="correct horse")
    # The command writes the same bytes as text.
    lines = base64.encodebytes(sealed).replace(b"\n", b"\r\n")
    armour = b"-----BEGIN AGE ENCRYPTED FILE-----\r\n%b-----END AGE ENCRYPTED FILE-----\r\n"
    path.write_bytes(b"# of the hospital\n\n" + armour % lines)
    assert imgveil.Key.load(path, passphrase="correct horse") == key
    with pytest.raises(imgveil.InvalidKeyError, match="is sealed"):
        imgveil.Key.load(path)
    path.write_bytes(armour % lines[:-8])
    with pytest.raises(imgveil.InvalidKeyError, match="damaged"):
        imgveil.Key.load(path, passphrase="correct horse")
    path.chmod(0o644)
    path.write_bytes(sealed)
    with pytest.warns(UserWarning, match="0644"):
        imgveil.Key.load(path, passphrase="correct horse")


def test_keys_differ():
    one, other = imgveil.Key.generate(), imgveil.Key.generate()
    assert one != other and one.fingerprint != other.fingerprint and one != one.fingerprint
    assert len({one, other, imgveil.Key.from_text(one.reveal())}) == 2
    for wrong in [b"", bytes(31), bytes(33)]:
        with pytest.raises(imgveil.InvalidKeyError, match="32 bytes"):
            imgveil.Key.from_bytes(wrong)
    with pytest.raises(imgveil.InvalidKeyError):
        imgveil.Key.from_text("no key")


def test_nothing_shows_the_secret(key, images):
    cipher = imgveil.Cipher("le", key, (32, 32, 3))
    secret = key.reveal()
    for one in [key, cipher, cipher.tables(), cipher.scheme, cipher.device]:
        for text in [repr(one), str(one), f"{one}"]:
            assert secret not in text and SECRET.hex() not in text
            assert "[" not in text
    assert key.fingerprint in repr(key) and key.fingerprint in repr(cipher)
    assert not hasattr(key, "__dict__")


def test_secrets_do_not_pickle_unless_asked(key, images):
    cipher = imgveil.Cipher("le", key, (32, 32, 3), device="cpu")
    for one in [key, cipher, cipher.tables()]:
        with pytest.raises(TypeError, match="does not pickle"):
            pickle.dumps(one)
        assert copy.copy(one) is one and copy.deepcopy(one) is one
    with pytest.raises(TypeError, match="does not pickle"):
        pickle.dumps(cipher.device)
    asked = key.allow_pickling()
    assert pickle.loads(pickle.dumps(asked)) == key
    assert pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(asked)))) == key
    sent = pickle.loads(pickle.dumps(imgveil.Cipher("le", asked, (32, 32, 3), device="cpu")))
    assert np.array_equal(sent.encrypt(images), cipher.encrypt(images))
    # Asking changes the copy alone.
    with pytest.raises(TypeError):
        pickle.dumps(key)


def test_schemes_pickle_and_compare(tmp_path):
    scheme = imgveil.Scheme("shuffle-flip block=4 scramble")
    assert pickle.loads(pickle.dumps(scheme)) == scheme == imgveil.Scheme(str(scheme))
    assert scheme != imgveil.Scheme("shuffle-flip block=4") and hash(scheme) == hash(imgveil.Scheme(str(scheme)))
    assert scheme.block == scheme.tile == (4, 4)
    own = tmp_path / "own.toml"
    own.write_text('[[stage]]\nstage = "sign-flip"\nblock = 8\n')
    assert imgveil.Scheme.load(own).stages == ["sign-flip block=8x8 key=shared"]
    assert imgveil.Scheme.load(own).name == "own"
    own.write_text("[[stage]]\n")
    with pytest.raises(imgveil.SchemeError):
        imgveil.Scheme.load(own)
    with pytest.raises(FileNotFoundError):
        imgveil.Scheme.load(tmp_path / "none.toml")


def test_tables_go_both_ways(tmp_path, key, images):
    for scheme in ["shuffle-flip block=4", "ele", "etc block=4", "vit block=8"]:
        cipher = imgveil.Cipher(scheme, key, (32, 32, 3))
        tables = cipher.tables()
        expected = cipher.encrypt(images)
        for extension in ["npz", "json"]:
            path = tmp_path / f"{scheme.split()[0]}.{extension}"
            tables.save(path)
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            loaded = imgveil.Tables.load(path)
            assert loaded.fingerprint == tables.fingerprint
            again = imgveil.Cipher(scheme, loaded, (32, 32, 3))
            assert np.array_equal(again.encrypt(images), expected)
            with pytest.raises(FileExistsError):
                tables.save(path)
        by_arrays = imgveil.Cipher(scheme, tables.arrays(), (32, 32, 3))
        assert np.array_equal(by_arrays.encrypt(images), expected)
        with pytest.raises(imgveil.TablesError):
            imgveil.Cipher("np" if "ele" in scheme else "ele", tables, (32, 32, 3))


def test_the_plan_in_numpy(key, images):
    for scheme, bits in [("shuffle-flip block=4", 8), ("ele", 4)]:
        cipher = imgveil.Cipher(scheme, key, (32, 32, 3))
        plan = cipher.plan()
        assert plan["bits"] == bits and plan["per_sample"] == 8 // bits
        samples = images.reshape(len(images), -1)
        if bits == 4:
            samples = np.stack([samples & 15, samples >> 4], -1).reshape(len(images), -1)
        moved = samples[:, plan["source"]] ^ (plan["flip"] * np.uint8((1 << bits) - 1))
        if bits == 4:
            moved = moved[:, 0::2] | moved[:, 1::2] << 4
        assert np.array_equal(moved.reshape(images.shape), cipher.encrypt(images))
    assert imgveil.Cipher("keystream", key, (32, 32)).plan() is None
    with pytest.raises(imgveil.LossyError):
        imgveil.Cipher("pixelate", key, (32, 32)).plan(inverse=True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_is_no_key_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.key")
    with pytest.raises(imgveil.FileError):
        imgveil.Key.load(tmp_path / "pipe.key")
