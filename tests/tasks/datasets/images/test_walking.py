"""Files beside the images: passed over, counted, and never taken for broken images."""

from pathlib import Path

import pytest

from tasks.datasets.images.packing import pack
from tasks.datasets.images.reading import image_source
from tasks.datasets.images.walking import image_files, passed_over_words
from tests.tasks.datasets.images.image_files import encoded, folder, picture, put

OTHERS = (
    "cat/000.xml", "cat/000.json", "cat/000.txt", "dog/labels.csv", "cat/Thumbs.db", "dog/desktop.ini",
    "cat/.DS_Store", "dog/._000.jpg", "__MACOSX/pets/cat/._000.jpg", ".git/objects/a.jpg", "cat/.hidden.jpg",
    "README.md", "LICENSE",
)  # fmt: skip


def _with_others(source: Path) -> Path:
    for file in OTHERS:
        put(source / file, b"\x00\x05\x16\x07 no image")
    return source


def test_other_files_are_counted_by_kind(tmp_path: Path) -> None:
    found = image_files(_with_others(folder(tmp_path, 3)))
    assert found.images == [f"{label}/{i:03d}.jpg" for label in ("cat", "dog") for i in range(3)]
    assert found.passed_over == {
        ".xml": 1, ".json": 1, ".txt": 1, ".csv": 1, "Thumbs.db": 1, "desktop.ini": 1, ".DS_Store": 1, "._*": 1,
        "__MACOSX": 1, ".git": 1, "hidden": 1, ".md": 1, "without an ending": 1,
    }  # fmt: skip
    (note,) = passed_over_words(found.passed_over)
    assert note.startswith("files that are no images are passed over (13): 1 .DS_Store, 1 ._*, ")
    assert note.endswith(", 7 others")


def test_other_files_never_make_a_folder_unusable(tmp_path: Path) -> None:
    source = folder(tmp_path / "pets", 3)
    for i in range(20):
        put(source / "cat" / f"{i}.xml", b"<annotation/>")
    put(source / "cat" / "broken.jpg", b"hello")
    packed = pack(source, tmp_path / "packed")
    assert [file for file, _ in packed.quarantine()] == ["cat/broken.jpg"]
    assert packed.remarks == ("files that are no images are passed over (20): 20 .xml",)


def test_the_count_follows_the_folder_while_the_images_stay_packed(tmp_path: Path) -> None:
    source = folder(tmp_path / "pets", 3)
    first = pack(source, tmp_path / "packed")
    put(source / "cat" / "000.xml", b"<annotation/>")
    second = pack(source, tmp_path / "packed")
    assert first.path == second.path
    assert first.remarks == ()
    assert second.remarks == ("files that are no images are passed over (1): 1 .xml",)


def test_an_image_is_known_by_its_content_where_its_name_does_not_tell(tmp_path: Path) -> None:
    for name in ("photo", "photo.dat", "photo.Jpg_large"):
        put(tmp_path / name, encoded(picture()))
    put(tmp_path / "text.dat", b"BM P5 text")
    put(tmp_path / "empty", b"")
    assert image_files(tmp_path).images == ["photo", "photo.Jpg_large", "photo.dat"]


def test_content_counts_and_not_the_ending(tmp_path: Path) -> None:
    source = folder(tmp_path / "pets", 3)
    put(source / "cat" / "000.jpg", encoded(picture(), "PNG"))
    put(source / "dog" / "000.jpg", encoded(picture(), "WEBP"))
    assert pack(source, tmp_path / "packed").quarantined == 0


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "AVIF"])
def test_every_ending_of_a_format_is_an_image(kind: str, tmp_path: Path) -> None:
    endings = {
        "JPEG": (".jpeg", ".JPG", ".jpe", ".jfif"), "TIFF": (".tif", ".TIFF"), "PPM": (".ppm", ".pnm")
    }  # fmt: skip
    for ending in endings.get(kind, (f".{kind.lower()}", f".{kind}")):
        for label in ("Katze ü", "日本"):
            for i in range(2):
                put(tmp_path / "pets" / label / f"{i}é{ending}", encoded(picture(seed=i), kind))
    packed = pack(tmp_path / "pets", tmp_path / "packed")
    assert packed.classes == ("Katze ü", "日本")
    assert (packed.quarantined, packed.rows % 4) == (0, 0)


def test_images_of_a_format_that_cannot_be_decoded_are_unusable_images(tmp_path: Path) -> None:
    source = folder(tmp_path / "pets", 3)
    put(source / "cat" / "phone.HEIC", b"\x00\x00\x00\x18ftypheic")
    packed = pack(source, tmp_path / "packed")
    assert packed.quarantine() == [
        ("cat/phone.HEIC", "no image of a known format (JPEG, PNG, GIF, BMP, WEBP, TIFF, PPM, AVIF)")
    ]


def test_a_hidden_image_makes_no_class(tmp_path: Path) -> None:
    source = folder(tmp_path, 3)
    put(source / "__MACOSX" / "cat" / "._000.jpg", encoded(picture()))
    assert {image.label for image in image_source(source).listing().images} == {"cat", "dog"}
