"""A server on this machine that speaks as much of the protocol of S3 as reading needs: list, head, and get a range."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

MODIFIED = "Mon, 30 Nov 2026 08:00:00 GMT"


class _Handler(BaseHTTPRequestHandler):
    objects: dict[str, bytes]
    """Content of each object, by bucket and key."""
    asked: list[str]
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._object(with_body=False)

    def do_GET(self) -> None:
        if "list-type" in urlsplit(self.path).query:
            self._list()
        else:
            self._object(with_body=True)

    def _object(self, *, with_body: bool) -> None:
        key = unquote(urlsplit(self.path).path).strip("/")
        self.asked.append(f"{self.command} {key}")
        is_bucket = any(each.startswith(f"{key}/") for each in self.objects) and "/" not in key
        content = b"" if is_bucket else self.objects.get(key)
        if content is None:
            return self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>" if with_body else b"")
        first, last = 0, len(content) - 1
        if wanted := self.headers.get("Range"):
            start, _, end = wanted.removeprefix("bytes=").partition("-")
            first, last = int(start), min(int(end or last), last)
        part = content[first : last + 1]
        extra = {"Content-Range": f"bytes {first}-{last}/{len(content)}"} if wanted else {}
        return self._answer(206 if wanted else 200, part, with_body=with_body, extra=extra)

    def _list(self) -> None:
        address = urlsplit(self.path)
        bucket, query = unquote(address.path).strip("/"), parse_qs(address.query)
        prefix, delimiter = query.get("prefix", [""])[0], query.get("delimiter", [""])[0]
        keys = sorted(
            key.removeprefix(f"{bucket}/") for key in self.objects if key.startswith(f"{bucket}/{prefix}")
        )
        folders = sorted(
            {prefix + key[len(prefix) :].split(delimiter)[0] + delimiter for key in keys
             if delimiter and delimiter in key[len(prefix) :]}
        )  # fmt: skip
        files = [key for key in keys if not any(key.startswith(folder) for folder in folders)]
        found = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-11-30T08:00:00.000Z</LastModified>"
            f"<ETag>&quot;1&quot;</ETag><Size>{len(self.objects[f'{bucket}/{key}'])}</Size></Contents>"
            for key in files
        ) + "".join(
            f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>" for folder in folders
        )
        count = len(files) + len(folders)
        body = (
            f"<ListBucketResult><Name>{bucket}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{count}</KeyCount>"
            f"<IsTruncated>false</IsTruncated>{found}</ListBucketResult>"
        )
        self._answer(200, body.encode())

    def _answer(
        self, status: int, body: bytes, *, with_body: bool = True, extra: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {"ETag": '"1"', "Last-Modified": MODIFIED, **(extra or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(objects: dict[str, bytes]) -> Iterator[tuple[str, list[str]]]:
    """Serve objects; give the address of the server, and the list of the objects that it was asked for."""
    asked: list[str] = []
    handler = type("Handler", (_Handler,), {"objects": objects, "asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()
