import os

import pytest

from components.errors import SpecError
from components.train.resources import limit_threads, whole_cpus, worthwhile_threads


@pytest.mark.parametrize(
    ("limit", "threads"), [("1", 1), ("500m", 1), ("0.5", 1), ("0", 1), ("1500m", 2), ("999", 999)]
)
def test_whole_cpus_rounds_up_within_the_machine(limit: str, threads: int) -> None:
    assert whole_cpus(limit) == min(threads, len(os.sched_getaffinity(0)))


@pytest.mark.parametrize("limit", ["", "two", "nan", "-1", "1Gi", "m"])
def test_whole_cpus_of_no_quantity_is_refused(limit: str) -> None:
    with pytest.raises(
        SpecError, match="is no CPU quantity: expected such as '2', '0.5' or '500m'"
    ):
        whole_cpus(limit)


def test_worthwhile_threads_of_a_small_table_is_one() -> None:
    assert worthwhile_threads(8, 999_999) == 1
    assert worthwhile_threads(8, 1_000_000) == 8


def test_limit_threads_holds_every_loaded_pool() -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: F401
    from threadpoolctl import threadpool_info, threadpool_limits

    with threadpool_limits():
        limit_threads(1)
        assert {pool["num_threads"] for pool in threadpool_info()} == {1}
