"""Packing of images: the same result on every engine, complete or not at all."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from infra.engines import connect
from infra.errors import DataError, ParameterError
from tasks.datasets.images import packing
from tasks.datasets.images.packed import PackedImages
from tasks.datasets.images.packing import pack
from tasks.datasets.images.reading import image_source
from tests.infra.engines.starting import ROOT, started
from tests.tasks.datasets.images.image_files import bomb, decoded, encoded, folder, picture, put


def _spoil(source: Path) -> dict[str, str]:
    """Put files that cannot be used among good ones; return them with what their reasons begin with."""
    jpeg = encoded(picture(200, 150))
    put(source / "cat" / "empty.jpg", b"")
    put(source / "cat" / "text.jpg", b"this is a text")
    put(source / "dog" / "half.jpg", jpeg[: len(jpeg) // 2])
    put(source / "dog" / "bomb.png", bomb())
    return {
        "cat/empty.jpg": "empty: 0 bytes",
        "cat/text.jpg": "no image of a known format",
        "dog/bomb.png": "oversized",
        "dog/half.jpg": "truncated JPEG image",
    }


def _mixed(source: Path) -> Path:
    """Good images of unequal sizes, modes and formats."""
    folder(source, 5)
    put(source / "cat" / "grey.jpg", encoded(picture(31, 77, "L")))
    put(source / "dog" / "clear.png", encoded(picture(90, 20, "RGBA"), "PNG"))
    put(source / "dog" / "deep" / "large.webp", encoded(picture(640, 480), "WEBP"))
    return source


def test_what_is_good_is_packed_and_what_is_not_is_listed(tmp_path: Path) -> None:
    source = _mixed(tmp_path / "pets")
    bad = _spoil(source)
    packed = pack(source, tmp_path / "packed", size=24)
    good = [image for image in image_source(source).listing().images if image.file not in bad]
    X, y = packed.load()
    assert isinstance(X, np.memmap)
    assert (X.shape, X.dtype, y.dtype, X.flags.c_contiguous) == ((13, 24, 24, 3), np.uint8, np.int64, True)
    for row, image in zip(X, good, strict=True):
        np.testing.assert_array_equal(row, decoded((source / image.file).read_bytes(), 24))
    assert [packed.classes[code] for code in y] == [image.label for image in good]
    assert packed.index().to_pylist() == [
        {"file": image.file, "class": image.label, "row": row} for row, image in enumerate(good)
    ]
    assert [file for file, _ in packed.quarantine()] == list(bad)
    for file, reason in packed.quarantine():
        assert reason.startswith(bad[file])
    about = (packed.name, packed.classes, packed.counts, packed.size, packed.rows, packed.quarantined)
    assert about == ("pets", ("cat", "dog"), (6, 7), 24, 13, 4)
    assert packed == PackedImages.open(packed.path)
    assert packed.provenance == "The user's own images in 'pets'."
    assert [path.name for path in (tmp_path / "packed").iterdir() if path.suffix != ".lock"] == [
        packed.path.name
    ]


def test_the_same_bytes_on_every_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = folder(_mixed(tmp_path / "pets"), 70)
    _spoil(source)
    monkeypatch.setattr(packing, "MAX_WAVE_BYTES", 1)  # a wave has as many chunks as there are workers
    found: list[PackedImages] = [pack(source, tmp_path / "alone")]
    seen: list[tuple[int, int]] = []
    for name in ("local", "dask", "spark"):
        with started(name, 2, tmp_path / "home") as engine:
            found.append(pack(source, tmp_path / name, engine=engine, progress=lambda *now: seen.append(now)))
        assert seen[-1] == (147, 147)
        assert seen == sorted(seen)
        assert len(seen) == 3
        seen.clear()
    for name in ("images.npy", "labels.npy", "index.parquet", "quarantine.csv", "about.json"):
        assert len({(packed.path / name).read_bytes() for packed in found}) == 1, name
    assert len({packed.sha256 for packed in found}) == 1
    assert found[0].size == 32  # the median of the shorter sides is 33


def test_an_image_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = folder(tmp_path / "pets")
    first = pack(source, tmp_path / "packed")

    def fail(*_: Any) -> Any:
        raise AssertionError("decoded again")

    with monkeypatch.context() as patch:
        patch.setattr(packing, "decode_files", fail)
        assert pack(source, tmp_path / "packed") == first
        for change in ({"size": 16}, {}):
            if not change:
                put(source / "cat" / "000.jpg", encoded(picture(seed=77)))
            with pytest.raises(AssertionError, match="decoded again"):
                pack(source, tmp_path / "packed", **change)
    second = pack(source, tmp_path / "packed")
    assert second.path != first.path
    assert second.sha256 != first.sha256
    assert first.load()[0].shape == second.load()[0].shape


@pytest.mark.parametrize(
    ("sides", "size"), [([8], 16), ([20], 16), ([29], 32), ([32], 32), ([500], 64), ([30, 39, 41], 40)]
)
def test_the_size_follows_the_images(sides: list[int], size: int, tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        for i in range(3):
            put(tmp_path / "pets" / label / f"{i}.jpg", encoded(picture(600, sides[i % len(sides)])))
    assert pack(tmp_path / "pets", tmp_path / "packed").size == size


def test_a_few_bad_files_are_forgiven_and_many_are_not(tmp_path: Path) -> None:
    source = folder(tmp_path / "pets", 3)
    for i in range(4):
        put(source / "cat" / f"x{i}.jpg", b"text")
    assert pack(source, tmp_path / "packed").quarantined == 4
    put(source / "dog" / "x.jpg", b"")
    with pytest.raises(DataError) as refused:
        pack(source, tmp_path / "packed")
    assert "5 of 11 files in " in str(refused.value)
    assert "(45%) are not usable images; at most 10% are accepted" in str(refused.value)
    assert "'cat/x0.jpg': no image of a known format" in str(refused.value)
    assert pack(source, tmp_path / "packed", max_quarantined=0.5).quarantined == 5
    names = {path.suffix for path in (tmp_path / "packed").iterdir() if path.is_file()}
    assert names == {".lock"}  # nothing half-written stays


def test_a_class_needs_two_usable_images(tmp_path: Path) -> None:
    source = folder(tmp_path / "pets", 3)
    for i in range(2):
        put(source / "dog" / f"00{i}.jpg", b"text")
    with pytest.raises(
        DataError, match=r"class 'dog' in .* has 1 usable images; each class needs at least 2"
    ):
        pack(source, tmp_path / "packed")
    put(source / "dog" / "002.jpg", b"text")
    with pytest.raises(DataError, match=r"class 'dog' in .* has 0 usable images"):
        pack(source, tmp_path / "packed")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 7}, "size=7: from 8 to 512 pixels, or None"),
        ({"size": 1000}, "size=1000: from 8 to 512"),
        ({"max_quarantined": 1.5}, "max_quarantined=1.5: a share from 0 to 1"),
    ],
)
def test_parameters_out_of_bounds_are_refused(arguments: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=message):
        pack(folder(tmp_path / "pets"), tmp_path / "packed", **arguments)


def test_the_packed_folder_is_not_among_the_images(tmp_path: Path) -> None:
    source = folder(tmp_path / "pets")
    with pytest.raises(DataError, match=r"packed' lies inside '.*pets'; keep packed images elsewhere"):
        pack(source, source / "packed")
    with pytest.raises(DataError, match="cannot be written"):
        pack(source, put(tmp_path / "file", b""))


def test_a_source_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    source = folder(tmp_path / "pets")

    def change(*_: int) -> None:
        put(source / "dog" / "late.jpg", encoded(picture()))

    with pytest.raises(DataError, match="changed while it was packed"):
        pack(source, tmp_path / "packed", progress=change)
    assert pack(source, tmp_path / "packed").rows == 13


def test_parquet_is_packed_like_the_files_it_holds(tmp_path: Path) -> None:
    source = folder(tmp_path / "pets", 40)
    images = image_source(source).listing().images
    contents = [(source / image.file).read_bytes() for image in images]
    contents[3] = b""
    rows = {"image": contents, "label": [image.label for image in images]}
    pq.write_table(pa.table(rows), tmp_path / "pets.parquet", row_group_size=30)
    put(source / images[3].file, b"")
    with connect("local", workers=2) as engine:
        ours = pack(tmp_path / "pets.parquet", tmp_path / "packed", engine=engine)
    assert ours.sha256 == pack(source, tmp_path / "packed").sha256
    assert ours.quarantine() == [("pets.parquet#3", "empty: 0 bytes")]
    assert ours.name == "pets"


def test_names_that_are_no_text_are_packed_too(tmp_path: Path) -> None:
    source = folder(tmp_path / "pets")
    name = os.fsdecode(b'caf\xe9, "1".jpg')
    put(source / "cat" / name, encoded(picture()))
    put(source / "dog" / name, b"text")
    put(source / "dog" / f"{name}.caf\udce9", b"text")
    put(
        source / "dog" / f"{name}.gif",
        encoded(picture(), "GIF", save_all=True, append_images=[picture(seed=1)]),
    )
    packed = pack(source, tmp_path / "packed")
    assert packed.rows == 14
    for remark in packed.remarks:
        assert "caf\\udce9" in remark.encode().decode()
    assert len(packed.remarks) == 2
    assert packed.quarantine()[0][0] == 'dog/caf\\udce9, "1".jpg'
    assert 'cat/caf\\udce9, "1".jpg' in packed.index().column("file").to_pylist()


KILLED = """
import sys, time
from tasks.datasets.images.packing import pack
pack(sys.argv[1], sys.argv[2], progress=lambda done, total: (print(done, flush=True), time.sleep(60)))
"""


def test_what_a_killed_process_left_is_in_nobodys_way(tmp_path: Path) -> None:
    source = folder(tmp_path / "pets")
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(source), str(tmp_path / "packed")],
        stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"12"
        process.send_signal(signal.SIGKILL)
    left = [path for path in (tmp_path / "packed").iterdir() if path.is_dir()]
    assert [path.suffix for path in left] == [".part"]
    start = time.monotonic()
    packed = pack(source, tmp_path / "packed")
    assert time.monotonic() - start < 30
    assert [path for path in (tmp_path / "packed").iterdir() if path.is_dir()] == [packed.path]
    assert packed.load()[0].shape[0] == 12


def test_odd_metadata_makes_no_noise(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    source = folder(tmp_path / "pets")
    put(source / "cat" / "odd.jpg", encoded(picture(), exif=b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff"))
    put(source / "cat" / "wide.png", bomb(9_000, 10_000))
    assert Image.MAX_IMAGE_PIXELS is not None
    assert Image.MAX_IMAGE_PIXELS < 9_000 * 10_000  # Pillow warns of it
    pack(source, tmp_path / "packed")
    assert [str(warning.message) for warning in recwarn] == []
