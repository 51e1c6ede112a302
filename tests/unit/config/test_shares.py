"""The interval of a share, against figures that are known."""

from config.shares import wilson


def test_the_interval_is_wilson_s() -> None:
    low, high = wilson(568, 18_220)
    assert (round(100 * low, 1), round(100 * high, 1)) == (2.9, 3.4)


def test_without_rows_a_share_can_be_anything() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
