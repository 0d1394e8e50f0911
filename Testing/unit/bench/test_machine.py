import itertools

import pytest

from SlicerLIMNet.bench.machine import matrix_rate, peak_memory_mib


def test_the_rate_is_operations_by_time():
    ticks = itertools.count(step=0.5)
    assert matrix_rate("cpu", "float32", lambda: next(ticks)) == pytest.approx(4 * 2.048**3)


def test_the_memory_of_the_process_is_known_where_the_system_tells():
    most = peak_memory_mib("cpu")
    assert most is None or 10 < most < 1e6
