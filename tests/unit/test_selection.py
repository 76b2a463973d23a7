"""The choice by pixels, on pictures drawn by hand and on real clips."""

from __future__ import annotations

import subprocess
import sys
import weakref
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import imgsim
from imgsim import pixels
from imgsim.domain import Frame, MediaTime, Pixels
from imgsim.errors import DecodeError
from imgsim.pipeline.selection import Selection
from imgsim.sampling import ALL_FRAMES
from imgsim.sources import open_media

SAMPLE = Path(imgsim.__file__).parent / "sample" / "bigbuckbunny.mp4"
RED, GREEN, BLUE, BLACK = (200, 30, 30), (30, 180, 30), (30, 30, 220), (0, 0, 0)
Colour = tuple[int, int, int]


def flat(colour: Colour, width: int = 64, height: int = 48) -> Pixels:
    """One colour."""
    return np.full((height, width, 3), colour, dtype=np.uint8)


def clip(*shots: tuple[Pixels, int], rate: int = 25) -> Iterator[Frame]:
    """Still shots: a picture, and for how many frames it stays."""
    index = 0
    for picture, count in shots:
        for _ in range(count):
            time = MediaTime(pts=index, time_base=Fraction(1, rate))
            yield Frame(index=index, time=time, pixels=picture)
            index += 1


def chosen(
    frames: Iterator[Frame], *, scenes: bool = False, skip_similar: bool = False
) -> list[int]:
    """The indices that come out."""
    selection = Selection(scenes=scenes, skip_similar=skip_similar)
    return [frame.index for frame in selection.chosen(frames)]


def of_file(path: Path, *, scenes: bool = False, skip_similar: bool = False) -> list[int]:
    """The indices that come out of a real clip."""
    with open_media(path) as media:
        return chosen(media.frames(ALL_FRAMES), scenes=scenes, skip_similar=skip_similar)


def test_without_a_wish_everything_passes() -> None:
    """Each frame comes out as it went in, at once."""
    selection = Selection(scenes=False, skip_similar=False)
    for frame in clip((flat(RED), 5)):
        assert list(selection.feed(frame)) == [frame]
    assert list(selection.end()) == []
    assert selection.skipped_similar == 0


def test_a_shot_gives_the_frame_half_a_second_into_it() -> None:
    """At 25 frames a second the 13th after a cut is the first at half a second or more."""
    shots = clip((flat(RED), 50), (flat(GREEN), 50), (flat(BLUE), 50))
    assert chosen(shots, scenes=True) == [13, 63, 113]


def test_a_last_shot_of_less_gives_its_first_frame() -> None:
    """It comes out at the end, when it is known to be that short."""
    assert chosen(clip((flat(RED), 50), (flat(GREEN), 5)), scenes=True) == [13, 50]
    assert chosen(clip((flat(RED), 1)), scenes=True) == [0]


def test_slides_slower_than_half_a_second_are_shots_of_one_frame() -> None:
    """An animated picture may show each of its frames for seconds."""
    slides = clip((flat(RED), 1), (flat(GREEN), 1), (flat(BLUE), 1), rate=1)
    assert chosen(slides, scenes=True) == [0, 1, 2]


def test_a_flash_begins_no_shot_and_hides_none() -> None:
    """After three frames of white comes green, which stays and is what comes out."""
    shots = clip((flat(RED), 50), (flat((255, 255, 255)), 3), (flat(GREEN), 50))
    assert chosen(shots, scenes=True) == [13, 63]


def test_strobe_light_gives_two_frames_a_second_at_most() -> None:
    """Every frame is a cut here."""
    strobe = clip(*[(flat(RED if i % 2 else GREEN), 1) for i in range(100)])
    assert 1 < len(chosen(strobe, scenes=True)) <= 8


def test_a_fade_from_black_gives_more_than_the_black() -> None:
    """No two neighbours differ much, and yet the shot would be lost."""
    fade = [(flat((2 * level, 2 * level, level)), 1) for level in range(100)]
    found = chosen(clip(*fade, (flat((200, 200, 100)), 50)), scenes=True)
    assert found[0] == 13
    assert found[-1] > 85


def test_a_change_of_size_is_no_cut() -> None:
    """Streams may change their size; the picture is the same."""
    shots = clip((flat(RED), 30), (flat(RED, 128, 72), 30))
    assert chosen(shots, scenes=True, skip_similar=True) == [13]


def test_one_frame_is_held_at_most() -> None:
    """However long a shot is, its frames are not gathered."""
    selection = Selection(scenes=True, skip_similar=True)
    alive: list[weakref.ref[Pixels]] = []
    for index in range(100):
        frame = Frame(
            index=index,
            time=MediaTime(pts=index, time_base=Fraction(1, 25)),
            pixels=flat(RED),
        )
        alive.append(weakref.ref(frame.pixels))
        list(selection.feed(frame))
        del frame
        assert sum(reference() is not None for reference in alive) <= 1


def test_damage_does_not_swallow_the_frame_held() -> None:
    """What was chosen before the damage comes out, and then the damage is told."""

    def damaged() -> Iterator[Frame]:
        yield from clip((flat(RED), 5))
        raise DecodeError(Path("clip.mp4"), "is cut off")

    frames = Selection(scenes=True, skip_similar=False).chosen(damaged())
    assert next(frames).index == 0
    with pytest.raises(DecodeError, match="cut off"):
        next(frames)


def test_an_image_passes() -> None:
    """It has one frame, without a time."""
    picture = Frame(index=0, time=None, pixels=flat(RED))
    assert list(Selection(scenes=True, skip_similar=True).chosen(iter([picture]))) == [picture]


def test_similar_frames_are_counted() -> None:
    """A still gives one frame; what comes after a change, and comes back, is new again."""
    selection = Selection(scenes=False, skip_similar=True)
    shots = clip((flat(RED), 10), (flat(GREEN), 10), (flat(RED), 10))
    assert [frame.index for frame in selection.chosen(shots)] == [0, 10, 20]
    assert selection.skipped_similar == 27


def test_slow_change_adds_up() -> None:
    """Frames are compared with the last one let out, not with their neighbour."""
    slow = clip(*[(flat((i, i, i)), 1) for i in range(10)])
    assert chosen(slow, skip_similar=True) == [0, 2, 4, 6, 8]


def test_colours_of_equal_brightness_differ() -> None:
    """In grey they would be one picture."""
    shots = clip((flat((100, 100, 100)), 5), (flat((140, 90, 53)), 5))
    assert chosen(shots, skip_similar=True) == [0, 5]


def test_shots_that_resemble_each_other_are_skipped() -> None:
    """Both choices together: first shots, of these what differs from the one before."""
    shots = [(flat(RED), 50), (flat(GREEN), 20), (flat(RED), 50)]
    assert chosen(clip(*shots), scenes=True, skip_similar=True) == [13, 63, 83]
    interrupted = [(flat(RED), 50), (flat(BLUE), 5), (flat(RED), 50)]
    assert chosen(clip(*interrupted), scenes=True) == [13, 63]
    assert chosen(clip(*interrupted), scenes=True, skip_similar=True) == [13]


def test_a_frame_of_each_shot_of_a_real_clip(shared: Path) -> None:
    """Six shots with cuts at 30, 76, 137, 187 and 242; a taxi drives into the second."""
    found = of_file(shared / "videos" / "bikes.mp4", scenes=True)
    begins = [0, 30, 76, 137, 187, 242]
    for begin, end in zip(begins, [*begins[1:], 250], strict=True):
        assert 1 <= sum(begin <= index < end for index in found) <= 2
    assert len(found) <= 7


def test_a_real_fade_from_black(shared: Path) -> None:
    """The first shot fades in for two seconds; it is represented by bright frames too."""
    selection = Selection(scenes=True, skip_similar=False)
    with open_media(shared / "videos" / "bbb" / "big_buck_bunny_0_30.webm") as media:
        kept = list(selection.chosen(media.frames(ALL_FRAMES)))
    first_shot = [frame for frame in kept if frame.index < 283]
    assert max(float(frame.pixels.mean()) for frame in first_shot) > 100
    assert 4 <= len(kept) <= 12


def test_one_take_is_one_shot() -> None:
    """The sample has no cut."""
    assert of_file(SAMPLE, scenes=True) == [13]


def test_real_still_scenes_lose_most_and_motion_little(shared: Path) -> None:
    """Shares kept: of slides and black one a picture, of action most."""
    videos = shared / "videos"
    assert of_file(videos / "nasty" / "silent-black-10s.mp4", skip_similar=True) == [0]
    assert of_file(videos / "counter" / "counter.mp4", skip_similar=True) == [0, 10, 20]
    assert len(of_file(videos / "bbb" / "Big_Buck_Bunny_180_10s.webm", skip_similar=True)) < 60
    assert len(of_file(videos / "bikes.mp4", skip_similar=True)) > 0.7 * 250


def test_what_is_skipped_looks_like_what_is_kept() -> None:
    """No frame of the sample is further than two levels from the frame that stands for it."""
    kept = set(of_file(SAMPLE, skip_similar=True))
    last: Pixels | None = None
    with open_media(SAMPLE) as media:
        for frame in media.frames(ALL_FRAMES):
            small = pixels.resize_square(pixels.thumbnail(frame.pixels), 32)
            if frame.index in kept:
                last = small
            assert last is not None
            assert np.abs(small.astype(int) - last.astype(int)).mean() < 2
    assert 20 < len(kept) < 80


def test_detection_is_loaded_when_it_is_needed_and_is_silent() -> None:
    """Other rules do not wait for it, and standard output may carry data."""
    program = (
        "import sys\n"
        "from imgsim.pipeline.selection import Selection\n"
        "Selection(scenes=False, skip_similar=True)\n"
        "early = 'scenedetect' in sys.modules\n"
        "Selection(scenes=True, skip_similar=False)\n"
        "sys.exit(early or 'scenedetect' not in sys.modules)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
