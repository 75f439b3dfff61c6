"""Downloads from a real server on loopback: resumed, checked and made only once."""

from pathlib import Path

import numpy as np
import pytest

from infra.errors import DataError
from tasks.datasets.images.download import fetch
from tests.conftest import free_port
from tests.tasks.datasets.images.image_files import put
from tests.tasks.datasets.images.serving import served

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


def test_a_broken_connection_is_resumed(tmp_path: Path) -> None:
    with served(CONTENT) as site:
        site.cut_after = [300_000, 300_000]
        assert fetch(site.url, tmp_path / "file", site.md5).read_bytes() == CONTENT
        assert site.requests == [None, "bytes=300000-", "bytes=600000-"]


def test_the_next_call_resumes_where_this_one_failed(tmp_path: Path) -> None:
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
        f"'{site.url}' has the MD5 digest {site.md5} instead of {'0' * 32}; it was not used"
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
    with pytest.raises(DataError, match="is not a web address; it must start with http"):
        fetch("file:///etc/passwd", tmp_path / "file", site.md5)
    with pytest.raises(DataError, match="cannot be written"):
        fetch(site.url, put(tmp_path / "plain", b"") / "file", site.md5)
