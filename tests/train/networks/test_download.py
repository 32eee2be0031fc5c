"""Published weights without internet: a line that says which file would do, and soon."""

import socket
import time
from typing import Any, NoReturn

import pytest
from huggingface_hub import constants

from seg.errors import SpecError
from seg.train.networks import build_network
from seg.train.networks.weights.download import allow_download, is_reachable


def no_such_host(*_: Any, **__: Any) -> NoReturn:
    raise socket.gaierror(-2, "Name or service not known")


@pytest.mark.parametrize(
    ("architecture", "encoder"), [("fpn", "tu-test_efficientnet"), ("deeplabv3_resnet50", "resnet50")]
)
def test_it_says_which_file_would_do(
    architecture: str, encoder: str, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setattr(socket, "create_connection", no_such_host)
    monkeypatch.setattr(socket, "getaddrinfo", no_such_host)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path_factory.mktemp("empty")))
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    with pytest.raises(
        SpecError, match=rf"cannot be downloaded: without internet, name a file .*{encoder}\.saf"
    ):
        build_network(architecture, encoder, 3, "imagenet")
    assert not pauses


def test_libraries_are_left_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "create_connection", no_such_host)
    before = constants.HF_HUB_OFFLINE, socket.getdefaulttimeout()
    assert not is_reachable()
    with allow_download():
        assert constants.HF_HUB_OFFLINE
    assert (constants.HF_HUB_OFFLINE, socket.getdefaulttimeout()) == before


def test_a_proxy_counts_as_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        assert is_reachable("no.such.host.invalid")
