"""A server of S3's protocol on this machine, with a bucket for each test that asks."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import boto3
import pyarrow.fs as pa_fs
import pytest
from moto.server import ThreadedMotoServer

from infra.storage import arrow_location, path_of
from infra.stored_path import root_of_store


@dataclass(frozen=True)
class Bucket:
    """A bucket of the server.

    Parameters
    ----------
    server : str
        Address of the server.
    name : str
        Name of the bucket.
    """

    server: str
    name: str = field(default_factory=lambda: f"bucket-{uuid4().hex[:8]}")

    @property
    def address(self) -> str:
        return f"s3://{self.name}"

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables with which a process reaches the bucket."""
        keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
        return {**keys, "AWS_ENDPOINT_URL": self.server}

    def upload(self, path: Path) -> str:
        """Put a file or a folder into the bucket, and return its address."""
        address = f"{self.address}/source/{path.name}"
        place = arrow_location(path_of(address))
        pa_fs.copy_files(str(path), place.path, pa_fs.LocalFileSystem(), place.filesystem)
        return address

    def keys(self, below: str = "") -> list[str]:
        """Keys of the objects, without the marks of folders, in their order."""
        found = self._client().list_objects_v2(Bucket=self.name, Prefix=below).get("Contents", ())
        return [one["Key"] for one in found if not one["Key"].endswith("/")]

    def make(self) -> None:
        self._client().create_bucket(Bucket=self.name)

    def _client(self):  # type: ignore[no-untyped-def]
        return boto3.client("s3", endpoint_url=self.server)


@contextmanager
def serving() -> Iterator[str]:
    """Start the server, and give its address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@contextmanager
def bucket_of(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A new bucket, which this process and those that it starts reach."""
    bucket = Bucket(server)
    for name, value in bucket.environment.items():
        monkeypatch.setenv(name, value)
    root_of_store.cache_clear()
    bucket.make()
    yield bucket
    root_of_store.cache_clear()
