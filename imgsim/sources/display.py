"""From a decoded video frame to what a player shows: colour, sample aspect ratio, rotation."""

from __future__ import annotations

from fractions import Fraction
from typing import cast

import numpy as np
from av.sidedata.sidedata import SideDataContainer
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from imgsim.domain import Pixels
from imgsim.sources.files import max_pixels, too_large
from imgsim.sources.orientation import UPRIGHT, Orientation, from_matrix
from imgsim.sources.tone_mapping import Transfer, tone_map

_MID_GREY = 128
_HDR = frozenset(Transfer)


class Display:
    """Converts the frames of one stream; keeps the scaler between frames."""

    def __init__(self, sample_aspect: Fraction | None) -> None:
        """Take the width of one stored sample over its height; None or 0 where it is not known."""
        self._sample_aspect = sample_aspect or Fraction(1)
        self._scaler = VideoReformatter()

    def size(self, frame: VideoFrame) -> tuple[int, int]:
        """The (width, height) of the frame as displayed, pixels."""
        return orientation(frame).size(self._width(frame), frame.height)

    def pixels(self, frame: VideoFrame) -> Pixels:
        """The frame upright: uint8 (height, width, 3) RGB, full range, alpha over mid-grey.

        The frame's own matrix and range are used; an untagged frame is taken for BT.601, as the
        ffmpeg tool takes it, so that its stills equal ours. Frames tagged as HDR (PQ or HLG) are
        tone mapped to sRGB; those of the ffmpeg tool are not, and pale.

        Raises:
            ValueError: the displayed size is absurd.
            av.FFmpegError: the pixel format cannot be converted.
        """
        width = self._width(frame)
        if width * frame.height > max_pixels():
            raise ValueError(too_large(f"{width} x {frame.height} pixels"))
        translucent = any(component.is_alpha for component in frame.format.components)
        converted = self._scaler.reformat(
            frame,
            width=width,
            format="rgba" if translucent else "rgb24",
            # Bilinear is the ffmpeg tool's answer for chroma; widths are worth more care.
            interpolation=None if width == frame.width else "BICUBIC",
            threads=1,  # more take longer in all, and other cores have the networks to run
        )
        samples = _samples(converted)
        if frame.color_trc in _HDR:
            samples = tone_map(samples, Transfer(frame.color_trc), frame.color_primaries)
        return orientation(frame).apply(_over_grey(samples) if translucent else samples)

    def _width(self, frame: VideoFrame) -> int:
        # Players stretch the width, never the height.
        return max(1, round(frame.width * self._sample_aspect))


def orientation(frame: VideoFrame) -> Orientation:
    """How the frame lies, by its display matrix; PyAV's own `rotation` forgets mirroring."""
    # By number: as a mapping, side data raises KeyError while it is iterated.
    side_data = cast(SideDataContainer, frame.side_data)  # declared as something narrower
    for number in range(len(side_data)):
        data = side_data[number]
        if data.type == SideDataType.DISPLAYMATRIX:
            return from_matrix(np.frombuffer(bytes(data), dtype=np.int32).tolist())
    return UPRIGHT


def _samples(frame: VideoFrame) -> Pixels:
    """The samples of a frame of one packed plane, uint8 (height, width, 3 or 4), not copied.

    PyAV's `to_ndarray` copies all of them.
    """
    plane = frame.planes[0]
    lines = np.frombuffer(memoryview(plane), np.uint8).reshape(frame.height, plane.line_size)
    used = lines[:, : frame.width * len(frame.format.components)]
    return np.ascontiguousarray(used).reshape(frame.height, frame.width, -1)


def _over_grey(rgba: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Pixels:
    alpha = rgba[:, :, 3:].astype(np.uint16)
    mixed = rgba[:, :, :3] * alpha + _MID_GREY * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)
