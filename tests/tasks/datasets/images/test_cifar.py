"""The CIFAR-10 archive, read without loading a pickle."""

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.errors import DataError
from tasks.datasets.images.cifar import cifar
from tests.tasks.datasets.images.serving import archive, batch, rows, served, small_cifar


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
            pytest.raises(DataError, match=r"data_batch_1' is not a batch of CIFAR-10: \S+ is not allowed"),
        ):
            cifar(tmp_path / "cache", url=site.url, md5=site.md5)
        assert not mark.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no archive", r"cannot be read as a tar.gz archive"),
        (small_cifar()[:5000], r"cannot be read as a tar.gz archive"),
        (archive({"a": b"b"}), "holds none of CIFAR-10's training batches"),
        (archive({"data_batch_1": b"x"}), "data_batch_1' is not a batch of CIFAR-10"),
        (archive({"data_batch_1": batch(np.zeros((2, 3072)), [3, 5])}), "have another shape or type"),
        (archive({"data_batch_1": batch(np.zeros((2, 10), np.uint8), [3, 5])}), "have another shape or type"),
        (archive({"data_batch_1": batch(np.zeros((2, 3072), np.uint8), [3, 55])}), "have another shape or type"),
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
