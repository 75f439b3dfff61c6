"""Stratified samples of packed images."""

import numpy as np
import pytest

from tasks.datasets.images.packed import PackedImages
from tasks.datasets.images.packing import pack
from tasks.datasets.images.sampling import sample
from tests.tasks.datasets.images import image_files


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> PackedImages:
    """Thirty cats, ten dogs, and a file that is not an image."""
    folder = tmp_path_factory.mktemp("sampling")
    pets = image_files.folder(folder / "pets", count=30, classes=("cat",))
    image_files.folder(pets, count=10, classes=("dog",))
    image_files.put(pets / "cat" / "text.jpg", b"hello")
    return pack(pets, folder / "packed").with_notes("with a note")


def test_each_class_gives_its_share(packed: PackedImages) -> None:
    found = sample(packed, 20)
    assert (found.rows, found.counts, found.classes) == (20, (15, 5), packed.classes)
    assert (found.name, found.notes, found.size) == (packed.name, "with a note", packed.size)
    assert found.quarantine() == packed.quarantine()


def test_its_images_are_those_of_the_whole_in_their_order(packed: PackedImages) -> None:
    found = sample(packed, 20)
    rows = {file: row for row, file in enumerate(packed.index()["file"].to_pylist())}
    chosen = [rows[file] for file in found.index()["file"].to_pylist()]
    assert chosen == sorted(set(chosen))
    for whole, part in zip(packed.load(), found.load(), strict=True):
        np.testing.assert_array_equal(part, whole[chosen])


def test_a_small_class_keeps_what_it_must_have(packed: PackedImages) -> None:
    assert sample(packed, 8).counts == (6, 2)
    assert sample(packed, 8, min_per_class=7).counts == (7, 7)
    assert sample(packed, 20, min_per_class=12).counts == (15, 10)  # there are no more


def test_it_is_the_same_every_time(packed: PackedImages) -> None:
    assert sample(packed, 20) == sample(packed, 20)
    assert sample(packed, 20).sha256 != sample(packed, 24).sha256


def test_few_images_are_all_taken(packed: PackedImages) -> None:
    assert sample(packed, 40) is packed
