"""Which frames are kept, on time lines drawn by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest

from imgsim.errors import InvalidArgument
from imgsim.sampling import ALL_FRAMES, Sampling


def kept(sampling: Sampling, starts: list[Fraction], end: Fraction, clock: Fraction) -> list[int]:
    """The indices kept of frames that start at `starts`, the last of which goes at `end`."""
    ends = [*starts[1:], end]
    spans = enumerate(zip(starts, ends, strict=True))
    return [i for i, (start, stop) in spans if sampling.keeps(i, start, stop, clock)]


def even(count: int, rate: int, first: Fraction = Fraction(0)) -> list[Fraction]:
    """Starts of `count` frames at `rate` frames per second."""
    return [first + Fraction(i, rate) for i in range(count)]


def test_all_frames() -> None:
    """The default keeps everything, whatever the times."""
    assert kept(ALL_FRAMES, even(5, 25), Fraction(1), Fraction(0)) == [0, 1, 2, 3, 4]


def test_every_counts_indices() -> None:
    """`--every` ignores time."""
    assert kept(Sampling(every=10), even(25, 25), Fraction(1), Fraction(7)) == [0, 10, 20]


def test_one_frame_per_second_of_an_even_clip() -> None:
    """At 25 frames per second, `--fps 1` keeps the frame that starts at each full second."""
    assert kept(Sampling(fps=Fraction(1)), even(60, 25), Fraction(60, 25), Fraction(0)) == [
        0,
        25,
        50,
    ]


def test_a_frame_on_screen_at_the_tick_is_kept_though_it_began_earlier() -> None:
    """At 1 s the frame of 0.9 s is on screen, at 2 s that of 1.1 s, at 3 s the last."""
    starts = [Fraction(0), Fraction(1, 2), Fraction(9, 10), Fraction(11, 10), Fraction(29, 10)]
    assert kept(Sampling(fps=Fraction(1)), starts, Fraction(31, 10), Fraction(0)) == [0, 2, 3, 4]


def test_a_long_frame_is_kept_once() -> None:
    """A still of ten seconds is one frame, not ten."""
    starts = [Fraction(0), Fraction(10)]
    assert kept(Sampling(fps=Fraction(1)), starts, Fraction(11), Fraction(0)) == [0, 1]


def test_a_frame_that_goes_exactly_at_the_tick_is_not_on_screen_then() -> None:
    """Spans are half open: at the tick its successor is shown."""
    starts = [Fraction(0), Fraction(1, 2), Fraction(1)]
    assert kept(Sampling(fps=Fraction(1)), starts, Fraction(3, 2), Fraction(0)) == [0, 2]


def test_the_clock_need_not_start_at_zero() -> None:
    """Ticks count from the start of the container's clock."""
    first = Fraction(22, 15)
    sampling = Sampling(fps=Fraction(2))
    assert kept(sampling, even(30, 30, first), first + 1, first) == [0, 15]


def test_the_first_frame_stands_for_the_time_before_it() -> None:
    """A video that starts 1.5 s late still has a frame for the ticks at 0 and 1 s."""
    starts = even(50, 25, Fraction(3, 2))
    assert kept(Sampling(fps=Fraction(1)), starts, Fraction(7, 2), Fraction(0)) == [0, 12, 37]


def test_frames_before_the_clock_are_not_ticks() -> None:
    """Negative times occur in cut clips: the frame on screen at 0 counts, not those before."""
    starts = even(10, 5, Fraction(-1))
    assert kept(Sampling(fps=Fraction(1)), starts, Fraction(1), Fraction(0)) == [0, 5]


def test_a_rate_above_the_clips_keeps_everything() -> None:
    """`--fps 100` on 25 frames per second invents nothing and drops nothing."""
    assert kept(Sampling(fps=Fraction(100)), even(5, 25), Fraction(1, 5), Fraction(0)) == [
        *range(5)
    ]


@pytest.mark.parametrize(
    ("sampling", "key"),
    [
        (Sampling(), "all"),
        (Sampling(every=10), "every=10"),
        (Sampling(fps=Fraction(1, 2)), "fps=1/2"),
        (Sampling(fps=Fraction(2, 4)), "fps=1/2"),
        (Sampling(fps=Fraction(3)), "fps=3"),
    ],
)
def test_equal_rules_have_equal_keys(sampling: Sampling, key: str) -> None:
    """The key goes into the database and must not depend on how the rule was written."""
    assert sampling.key == key


def test_impossible_rules_are_refused() -> None:
    """A rule that keeps nothing or contradicts itself names the option at fault."""
    with pytest.raises(InvalidArgument, match="--every must be 1 or more, not 0"):
        Sampling(every=0)
    with pytest.raises(InvalidArgument, match="--fps must be more than 0"):
        Sampling(fps=Fraction(0))
    with pytest.raises(InvalidArgument, match="exclude each other"):
        Sampling(every=2, fps=Fraction(1))
