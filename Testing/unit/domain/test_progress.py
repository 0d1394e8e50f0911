import threading

import pytest

from SlicerLIMNet.domain.progress import CancelToken, Progress
from SlicerLIMNet.errors import Cancelled


def test_a_wish_to_stop_is_seen_from_another_thread():
    token = CancelToken()
    token.raise_if_cancelled()
    thread = threading.Thread(target=token.cancel)
    thread.start()
    thread.join()
    assert token.is_cancelled
    with pytest.raises(Cancelled):
        token.raise_if_cancelled()


@pytest.mark.parametrize(("done", "total", "fraction"), [(0, 4, 0), (1, 4, 0.25), (0, 0, 1)])
def test_the_fraction_of_nothing_is_all(done, total, fraction):
    assert Progress(done, total, "slices").fraction == fraction
