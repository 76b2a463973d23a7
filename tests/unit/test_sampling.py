"""Which frames are kept, on time lines drawn by hand."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from imgsim.domain import MediaInfo, MediaKind
from imgsim.errors import InvalidArgument
from imgsim.sampling import ALL_FRAMES, AUTO, Sampling


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
        (Sampling(keyframes=True), "keyframes"),
        (Sampling(scenes=True), "scenes"),
        (Sampling(skip_similar=True), "all+distinct"),
        (Sampling(fps=Fraction(1), skip_similar=True), "fps=1+distinct"),
        (Sampling(keyframes=True, skip_similar=True), "keyframes+distinct"),
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


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"every": 2, "fps": Fraction(1)}, "--every and --fps"),
        ({"keyframes": True, "scenes": True}, "--keyframes and --scenes"),
        ({"every": 2, "scenes": True}, "--every and --scenes"),
        ({"fps": Fraction(1), "keyframes": True}, "--fps and --keyframes"),
        ({"every": 2, "keyframes": True, "scenes": True}, "--every, --keyframes and --scenes"),
        ({"auto": True, "every": 2}, "--every and automatic sampling"),
    ],
)
def test_rules_exclude_each_other(options: dict[str, Any], names: str) -> None:
    """The message names all the options given, and skipping the similar is none of them."""
    with pytest.raises(InvalidArgument, match=f"^{names} exclude each other; give one of them"):
        Sampling(**options, skip_similar=True)


def test_keyframes_and_the_first_frame() -> None:
    """A clip that was cut between keyframes still has a frame for its beginning."""
    spans = [(Fraction(i), Fraction(i + 1), Fraction(0)) for i in range(6)]
    keys = [False, False, True, False, True, False]
    rule = Sampling(keyframes=True)
    chosen = [i for i, is_key in enumerate(keys) if rule.keeps(i, *spans[i], is_key=is_key)]
    assert chosen == [0, 2, 4]


def test_what_takes_pixels_lets_all_frames_pass() -> None:
    """Shots and similar frames are told apart later."""
    for rule in (Sampling(scenes=True), Sampling(skip_similar=True)):
        assert kept(rule, even(5, 25), Fraction(1, 5), Fraction(0)) == [*range(5)]
    both = Sampling(every=2, skip_similar=True)
    assert kept(both, even(5, 25), Fraction(1, 5), Fraction(0)) == [0, 2, 4]


def media(
    duration_s: float | None = None,
    frames: int | None = None,
    rate: float | None = None,
    kind: MediaKind = MediaKind.VIDEO,
) -> MediaInfo:
    """What a media declares."""
    return MediaInfo(
        kind=kind,
        width=64,
        height=48,
        duration_s=duration_s,
        declared_frames=frames,
        frame_rate=rate,
    )


@pytest.mark.parametrize(
    ("info", "key"),
    [
        (media(5.3), "all"),
        (media(120.0), "all"),
        (media(120.1), "fps=5"),
        (media(1200.0), "fps=5"),
        (media(1200.1), "fps=1"),
        (media(7200.0, 180_000, 25.0), "fps=1"),
        (media(None, 40), "all"),  # an animated GIF
        (media(None, 3000), "all"),
        (media(None, 3001), "fps=5"),
        (media(None, 3001, 50.0), "all"),
        (media(None, 180_000, 25.0), "fps=1"),
        (media(None, None, 30.0), "fps=5"),  # recorded live
    ],
)
def test_the_length_makes_the_rule(info: MediaInfo, key: str) -> None:
    """Short media keep every frame, films one a second; what else was asked for stays."""
    assert AUTO.resolved(info).key == key
    assert Sampling(auto=True, skip_similar=True).resolved(info).key == f"{key}+distinct"


@pytest.mark.parametrize(
    "rule", [AUTO, Sampling(every=7), Sampling(scenes=True, skip_similar=True)]
)
def test_of_an_image_all_is_kept(rule: Sampling) -> None:
    assert rule.resolved(media(kind=MediaKind.IMAGE)) == ALL_FRAMES


def test_other_rules_do_not_depend_on_the_length() -> None:
    """Only `auto` is resolved."""
    for rule in (ALL_FRAMES, Sampling(fps=Fraction(2)), Sampling(scenes=True)):
        assert rule.resolved(media(7200.0)) == rule


def test_an_unresolved_rule_has_no_key() -> None:
    """It would stand for other frames in another media; of an image there is one frame anyway."""
    with pytest.raises(ValueError, match="resolved"):
        _ = AUTO.key
    with pytest.raises(ValueError, match="resolved"):
        AUTO.key_for(None)
    with pytest.raises(ValueError, match="resolved"):
        AUTO.keeps(0, Fraction(0), Fraction(1), Fraction(0))
    assert AUTO.key_for(MediaKind.IMAGE) == "all"


def test_an_image_has_one_key() -> None:
    """Whatever the rule, an image is not embedded again."""
    for rule in (Sampling(scenes=True), Sampling(every=3), Sampling(skip_similar=True)):
        assert rule.key_for(MediaKind.IMAGE) == "all"
        assert rule.key_for(MediaKind.VIDEO) == rule.key


@pytest.mark.parametrize(
    ("sampling", "words"),
    [
        (ALL_FRAMES, "every frame"),
        (Sampling(every=2), "every 2nd frame"),
        (Sampling(every=3), "every 3rd frame"),
        (Sampling(every=10), "every 10th frame"),
        (Sampling(every=12), "every 12th frame"),
        (Sampling(every=21), "every 21st frame"),
        (Sampling(every=111), "every 111th frame"),
        (Sampling(fps=Fraction(1)), "1 frame a second"),
        (Sampling(fps=Fraction(5)), "5 frames a second"),
        (Sampling(fps=Fraction(1, 3)), "1 frame every 3 seconds"),
        (Sampling(fps=Fraction(3, 2)), "3 frames every 2 seconds"),
        (Sampling(keyframes=True), "keyframes"),
        (Sampling(scenes=True), "1 or a few frames a shot"),
        (Sampling(skip_similar=True), "every frame, similar ones skipped"),
        (AUTO, "every frame up to 2 minutes, 5 a second up to 20, 1 a second beyond"),
    ],
)
def test_rules_in_words(sampling: Sampling, words: str) -> None:
    """For the person at the keyboard."""
    assert sampling.describe() == words
