"""Memory for requests: small ones find room beside large ones, and all of it comes back."""

import pytest

from seg.engine.serve.http.admission import Admission
from seg.engine.serve.http.errors import HttpError


def test_large_requests_leave_room_for_small_ones() -> None:
    admission = Admission(requests=10, memory=1000)
    with admission.request() as large, admission.request() as other, admission.request() as small:
        large.add(700)
        with pytest.raises(HttpError) as caught:
            other.add(100)
        assert caught.value.status == 429
        small.add(30)
        with pytest.raises(HttpError) as caught:
            small.add(800)
        assert caught.value.status == 413
        assert admission.held == 730
    assert admission.held == 0
