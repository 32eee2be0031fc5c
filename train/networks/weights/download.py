"""Download of published encoder weights by the libraries, with a fallback to their caches when offline."""

import socket
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

HOST: Final = "huggingface.co"
TIMEOUT_S: Final = 3.0
"""How long to wait for the host; by themselves the libraries retry for most of a minute."""

_HTTPS: Final = 443


@contextmanager
def allow_download() -> Iterator[None]:
    """Within the block libraries may download, or use only their caches if the host cannot be reached."""
    from huggingface_hub import constants

    offline, timeout = constants.HF_HUB_OFFLINE, socket.getdefaulttimeout()
    constants.HF_HUB_OFFLINE = offline or not is_reachable()
    socket.setdefaulttimeout(TIMEOUT_S)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = offline
        socket.setdefaulttimeout(timeout)


def is_reachable(host: str = HOST) -> bool:
    """Whether a host, or the proxy in front of it, accepts a connection within the timeout."""
    proxy = urllib.parse.urlsplit(urllib.request.getproxies().get("https", ""))
    address = (proxy.hostname, proxy.port or _HTTPS) if proxy.hostname else (host, _HTTPS)
    reached = threading.Event()

    def connect() -> None:
        try:
            socket.create_connection(address, timeout=TIMEOUT_S).close()
        except OSError:
            return
        reached.set()

    # Name resolution has no timeout, so it runs in another thread.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(TIMEOUT_S)
    return reached.is_set()
