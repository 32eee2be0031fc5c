"""Published weights of encoders, which libraries fetch; without internet what they have kept must do."""

import socket
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

HOST: Final = "huggingface.co"
TIMEOUT_S: Final = 3.0
"""How long to wait for the host; the libraries alone try again for most of a minute."""

_HTTPS: Final = 443


@contextmanager
def allow_download() -> Iterator[None]:
    """Let libraries fetch in the block, or look into their caches alone where no host can be reached."""
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
    """Whether a host, or the proxy that leads to it, takes a connection soon."""
    proxy = urllib.parse.urlsplit(urllib.request.getproxies().get("https", ""))
    address = (proxy.hostname, proxy.port or _HTTPS) if proxy.hostname else (host, _HTTPS)
    reached = threading.Event()

    def connect() -> None:
        try:
            socket.create_connection(address, timeout=TIMEOUT_S).close()
        except OSError:
            return
        reached.set()

    # Names are looked up without a time limit, so not in this thread.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(TIMEOUT_S)
    return reached.is_set()
