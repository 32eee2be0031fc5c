"""As much of S3's protocol as it takes to list a bucket and read its objects.

Source: Amazon S3 API Reference, ListObjectsV2, HeadObject and GetObject.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

_DATE = "2026-01-01T00:00:00.000Z"
_HTTP_DATE = "Thu, 01 Jan 2026 00:00:00 GMT"


@contextmanager
def object_store(bucket: str, objects: Mapping[str, bytes]) -> Iterator[str]:
    """Serve the objects of one bucket; gives the query with which URIs name this store."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def _answer(self, *, with_body: bool) -> None:
            place = urlsplit(self.path)
            _, name, *rest = unquote(place.path).split("/", 2)
            key = rest[0] if rest else ""
            if name != bucket or (key and key not in objects):
                self._send(404, b"", "application/xml", with_body)
            elif key:
                self._send_object(objects[key], with_body)
            else:
                self._send(200, self._listing(parse_qs(place.query)), "application/xml", with_body)

        def _listing(self, asked: dict[str, list[str]]) -> bytes:
            prefix = asked.get("prefix", [""])[0]
            keys = [key for key in sorted(objects) if key.startswith(prefix)]
            contents = "".join(
                f"<Contents><Key>{key}</Key><LastModified>{_DATE}</LastModified><Size>{len(objects[key])}</Size>"
                "</Contents>"
                for key in keys
            )
            return (
                f"<?xml version='1.0'?><ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>"
                f"<Name>{bucket}</Name><Prefix>{prefix}</Prefix><KeyCount>{len(keys)}</KeyCount>"
                f"<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
            ).encode()

        def _send_object(self, body: bytes, with_body: bool) -> None:
            asked = self.headers.get("Range")
            if asked is None:
                self._send(200, body, "image/png", with_body)
                return
            first, _, last = asked.removeprefix("bytes=").partition("-")
            part = body[int(first) : int(last) + 1 if last else None]
            self._send(
                206, part, "image/png", with_body, f"bytes {first}-{int(first) + len(part) - 1}/{len(body)}"
            )

        def _send(self, code: int, body: bytes, kind: str, with_body: bool, part: str = "") -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Last-Modified", _HTTP_DATE)
            if part:
                self.send_header("Content-Range", part)
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"?endpoint_override=127.0.0.1:{server.server_port}&scheme=http&region=us-east-1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
