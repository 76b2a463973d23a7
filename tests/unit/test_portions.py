"""A network that is called on a portion at a time."""

from __future__ import annotations

import time

import numpy as np
import pytest

from imgsim.backbones.portions import Portions
from imgsim.domain import PixelBatch, Vectors


class Network:
    """Gives each picture's first value, and notes how many pictures each call had."""

    def __init__(self, each_s: float) -> None:
        self.calls: list[int] = []
        self._each_s = each_s

    def __call__(self, pictures: PixelBatch) -> Vectors:
        self.calls.append(len(pictures))
        time.sleep(self._each_s * len(pictures))
        return pictures[:, 0, 0, :1].astype(np.float32)


def pictures(count: int) -> PixelBatch:
    """Pictures that tell their number."""
    numbers = np.arange(count, dtype=np.uint8)
    return np.broadcast_to(numbers[:, None, None, None], (count, 2, 2, 3))


@pytest.mark.parametrize(("each_s", "fixed"), [(0.0, False), (0.0, True), (0.02, False)])
def test_every_picture_goes_through_once_and_in_order(each_s: float, fixed: bool) -> None:
    network = Network(each_s)
    vectors = Portions(network, 32, fixed=fixed)(pictures(70))
    assert vectors[:, 0].tolist() == list(range(70))
    assert sum(network.calls) == 70
    assert max(network.calls) <= 32


def test_a_quick_network_soon_gets_all_it_may() -> None:
    network = Network(0.0)
    Portions(network, 32)(pictures(100))
    assert network.calls[0] == 4
    assert max(network.calls) == 32


def test_a_slow_network_gets_few_at_a_time() -> None:
    network = Network(0.3)
    Portions(network, 32)(pictures(6))
    assert network.calls == [4, 1, 1]


def test_fixed_portions_do_not_follow_the_clock() -> None:
    network = Network(0.02)
    Portions(network, 8, fixed=True)(pictures(20))
    assert network.calls == [8, 8, 4]
