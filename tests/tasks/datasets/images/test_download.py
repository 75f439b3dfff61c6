"""The CIFAR-10 archive: downloaded once, from a real server on loopback, and read without loading a pickle."""

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from infra.errors import DataError
from tasks.datasets.images.cats_dogs import cats_dogs
from tasks.datasets.images.cifar import cifar
from tasks.datasets.images.download import fetch
from tests.conftest import free_port
from tests.tasks.datasets.images.image_files import folder, put
from tests.tasks.datasets.images.serving import archive, batch, rows, served, small_cifar

CONTENT = np.random.default_rng(0).bytes(1_000_000)


def test_a_file_is_downloaded_once_with_progress(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    with served(CONTENT) as site:
        target = fetch(site.url, tmp_path / "deep" / "file", site.md5, lambda *now: seen.append(now))
        assert fetch(site.url, target, site.md5) == target
        assert site.requests == [None]
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir() if path.suffix != ".lock"] == ["file"]
    assert seen[-1] == (1_000_000, 1_000_000)
    assert len(seen) > 2
    assert seen == sorted(seen)


def test_a_broken_connection_is_gone_on_with(tmp_path: Path) -> None:
    with served(CONTENT) as site:
        site.cut_after = [300_000, 300_000]
        assert fetch(site.url, tmp_path / "file", site.md5).read_bytes() == CONTENT
        assert site.requests == [None, "bytes=300000-", "bytes=600000-"]


def test_the_next_call_goes_on_where_this_one_failed(tmp_path: Path) -> None:
    with served(CONTENT) as site:
        site.cut_after = [300_000, 0]
        with pytest.raises(
            DataError, match=r"cifar.tar.gz' cannot be downloaded: .*after 300,000 of 1,000,000"
        ):
            fetch(site.url, tmp_path / "file", site.md5)
        assert not (tmp_path / "file").exists()
        assert fetch(site.url, tmp_path / "file", site.md5).read_bytes() == CONTENT
        assert site.requests == [None, "bytes=300000-", "bytes=300000-"]


def test_a_server_that_knows_no_ranges_sends_all_again(tmp_path: Path) -> None:
    with served(CONTENT) as site:
        site.ranges, site.cut_after = False, [300_000]
        assert fetch(site.url, tmp_path / "file", site.md5).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "left", [CONTENT, CONTENT + b"more", b"something else" * 1000], ids=["all", "more", "other"]
)
def test_whatever_an_earlier_call_left_the_file_is_right(left: bytes, tmp_path: Path) -> None:
    put(tmp_path / "file.part", left)
    with served(CONTENT) as site:
        assert fetch(site.url, tmp_path / "file", site.md5).read_bytes() == CONTENT
        assert len(site.requests) == (1 if left == CONTENT else 2)


def test_a_file_that_was_spoilt_is_downloaded_again(tmp_path: Path) -> None:
    put(tmp_path / "file", CONTENT[:-1] + b"?")
    with served(CONTENT) as site:
        assert fetch(site.url, tmp_path / "file", site.md5).read_bytes() == CONTENT


def test_another_content_is_not_used(tmp_path: Path) -> None:
    with served(CONTENT) as site, pytest.raises(DataError) as refused:
        fetch(site.url, tmp_path / "file", "0" * 32)
    assert str(refused.value) == (
        f"what '{site.url}' gave has md5 {site.md5} instead of {'0' * 32}; it was not used"
    )
    assert [path.name for path in tmp_path.iterdir()] == [".file.lock"]


def test_what_is_wrong_with_the_network_is_said(tmp_path: Path) -> None:
    with (
        served(CONTENT) as site,
        pytest.raises(DataError, match=r"/else' cannot be downloaded: .*404 Not Found"),
    ):
        fetch(site.url.replace("cifar.tar.gz", "else"), tmp_path / "file", site.md5)
    with pytest.raises(DataError, match=r"http://127.0.0.1:\d+/x' cannot be downloaded: .*refused"):
        fetch(f"http://127.0.0.1:{free_port()}/x", tmp_path / "file", site.md5)
    with pytest.raises(DataError, match=r"'http://nowhere\.invalid/x' cannot be downloaded: \S"):
        fetch("http://nowhere.invalid/x", tmp_path / "file", site.md5)
    with pytest.raises(DataError, match="is no web address; it must start with http"):
        fetch("file:///etc/passwd", tmp_path / "file", site.md5)
    with pytest.raises(DataError, match="cannot be written"):
        fetch(site.url, put(tmp_path / "plain", b"") / "file", site.md5)


def test_cats_and_dogs_are_taken_out_of_the_archive(tmp_path: Path) -> None:
    with served(small_cifar()) as site:
        packed = cifar(tmp_path, url=site.url, md5=site.md5)
        assert cifar(tmp_path, url=site.url, md5=site.md5) == packed
        assert len(site.requests) == 1
    X, y = packed.load()
    assert (packed.classes, packed.counts, packed.rows, packed.size) == (("cat", "dog"), (20, 20), 40, 32)
    assert packed.provenance.startswith("Photographs of cats and dogs from the training part of CIFAR-10")
    files = packed.index().column("file").to_pylist()
    for i, (file, label) in enumerate(zip(files, y, strict=True)):
        number, row = int(file.split("/")[0][-1]), int(file.split("/")[1])
        pixels, codes = rows(40, number)
        assert codes[row] == (3, 5)[label]
        for colour in range(3):
            np.testing.assert_array_equal(X[i, :, :, colour].ravel(), pixels[row].reshape(3, 1024)[colour])
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".lock") == [
        "cats-dogs-cat-dog-" + site.md5[:16], "cifar.tar.gz"
    ]  # fmt: skip


class _Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_no_pickle_is_loaded(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    loaded = pickle.loads(pickle.dumps(_Evil(mark), protocol=2))
    assert loaded is None
    mark.rmdir()  # it works where nobody forbids it
    forbidden = [
        pickle.dumps(_Evil(mark), protocol=2),
        pickle.dumps({b"data": _Evil(mark), b"labels": [3]}, protocol=2),
        pickle.dumps({b"data": np.array([_Evil(mark)], dtype=object), b"labels": [3]}, protocol=2),
        pickle.dumps({b"data": np.ma.masked_array([1]), b"labels": [3]}, protocol=2),
    ]
    for content in forbidden:
        with (
            served(archive({"x/data_batch_1": content})) as site,
            pytest.raises(
                DataError, match=r"data_batch_1' is no batch of CIFAR-10: \S+ is not allowed in it"
            ),
        ):
            cifar(tmp_path / "cache", url=site.url, md5=site.md5)
        assert not mark.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no archive", r"cannot be read as a tar.gz archive"),
        (small_cifar()[:5000], r"cannot be read as a tar.gz archive"),
        (archive({"a": b"b"}), "holds none of CIFAR-10's training batches"),
        (archive({"data_batch_1": b"x"}), "data_batch_1' is no batch of CIFAR-10"),
        (archive({"data_batch_1": batch(np.zeros((2, 3072)), [3, 5])}), "of another shape or type"),
        (archive({"data_batch_1": batch(np.zeros((2, 10), np.uint8), [3, 5])}), "of another shape or type"),
        (archive({"data_batch_1": batch(np.zeros((2, 3072), np.uint8), [3, 55])}), "of another shape or type"),
        (archive({"data_batch_1": batch(np.zeros((2, 3072), np.uint8), [3, 3])}), "no image of class 'dog'"),
        (archive({"../data_batch_1/": b""}), "holds none"),
    ],
    ids=["text", "truncated", "other", "garbage", "floats", "narrow", "class", "no dog", "folder"],
)  # fmt: skip
def test_what_is_no_such_archive_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    with served(content) as site, pytest.raises(DataError, match=message):
        cifar(tmp_path, url=site.url, md5=site.md5)
    assert {path.suffix for path in tmp_path.iterdir() if "cats-dogs" in path.name} == {".lock"}


def test_an_unknown_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="CIFAR-10 has no class 'cow'; its classes are airplane, "):
        cifar(tmp_path, ("cat", "cow"))


def test_a_folder_comes_before_the_archive(tmp_path: Path) -> None:
    packed = cats_dogs(tmp_path / "cache", folder(tmp_path / "mine"), url="http://nowhere.invalid/x")
    assert (packed.name, packed.rows, packed.notes) == ("cats-dogs", 12, "")
    assert packed.provenance == "The user's own photographs in 'mine'."
    with pytest.raises(DataError, match="no folder"):
        cats_dogs(tmp_path / "cache", tmp_path / "nothing")


def test_digits_stand_in_until_the_archive_can_be_had(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/cifar.tar.gz"
    packed = cats_dogs(tmp_path, url=url)
    X, y = packed.load()
    assert (packed.name, packed.size, len(packed.classes)) == ("digits", 8, 10)
    assert packed.provenance.startswith("Handwritten digits bundled with scikit-learn")
    assert packed.notes.startswith("Digits stand in for cats and dogs: no folder of photographs is set, and")
    assert f"'{url}' cannot be downloaded" in packed.notes
    known = load_digits()
    np.testing.assert_array_equal(y, known.target)
    assert (X[..., :1] == X).all()
    assert np.abs(X[..., 0] / 255 * 16 - known.images).max() < 0.04
    with served(small_cifar()) as site:
        found = cats_dogs(tmp_path, url=site.url, md5=site.md5)
    assert (found.name, found.rows) == ("cats-dogs", 40)
    assert found.notes == "No folder of photographs is set, so these are of the CIFAR-10 archive."
    assert cats_dogs(tmp_path, url=site.url, md5=site.md5) == found  # without a server
