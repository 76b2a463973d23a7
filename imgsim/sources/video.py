"""Videos, decoded by PyAV (FFmpeg): frames as a player shows them, with exact times."""

from __future__ import annotations

import errno
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from imgsim.domain import Frame, MediaInfo, MediaKind, MediaTime, Pixels
from imgsim.errors import DecodeError, UnsupportedMedia
from imgsim.sampling import Sampling
from imgsim.sources.completeness import Extent
from imgsim.sources.display import Display
from imgsim.sources.files import open_file, video_signature

# FFmpeg would also play text, single pictures, playlists that fetch from the network, and devices.
# The audio containers are here so that the answer for them is "has no video stream".
_DEMUXERS = (
    "mov,matroska,webm,avi,flv,mpegts,mpeg,asf,ogg,mxf,ivf,yuv4mpegpipe,nut,dv,rm,gxf,wtv,flic,"
    "mp3,wav,flac,aac,aiff,w64,caf,amr,ac3,eac3,dts,ape,wv,au"
)
_OPEN_OPTIONS = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "file"}

# What PyAV raises on broken files: FFmpeg's errors, and those of its own checks.
FAILURES = (av.FFmpegError, ValueError, OSError, MemoryError, RuntimeError, OverflowError)


class Video:
    """One open video. Its first frame is decoded at once, since only frames know how they lie."""

    def __init__(self, path: Path, container: InputContainer) -> None:
        """Choose the stream and decode its first frame.

        Raises:
            UnsupportedMedia: there is no video stream, or no decoder for it.
            DecodeError: not one frame can be decoded.
        """
        self._path = path
        self._container = container
        self._stream = best_stream(path, container)
        # Threads over frames decode half as fast again on two cores, but errors met while the
        # decoder drains are swallowed, and how many depends on the number of cores.
        self._stream.thread_type = "SLICE"
        self._extent = Extent(container, self._stream)
        self._display = Display(self._stream.sample_aspect_ratio)
        self._damage: DecodeError | None = None
        self._decoded_frames = 0
        self._decoded = self._decode()
        first = next(self._decoded, None)
        if first is None:
            raise self._damage or DecodeError(path, "has a video stream without a single frame")
        self._pending = [first]
        self.info = _describe(path, container, self._stream, self._display.size(first))

    @property
    def decoded_frames(self) -> int:
        """Frames decoded so far, kept or not."""
        return self._decoded_frames

    def frames(self, sampling: Sampling) -> Iterator[Frame]:
        """Yield the frames that `sampling` keeps, in order of time. To be called once.

        A frame whose time does not lie after that of the frame before it is never on screen: it
        counts in the indices and in `decoded_frames`, and is not kept. Every frame is decoded,
        kept or not: a decoder told to skip all but keyframes is several times as fast, but then
        neither the indices (VP9, VVC, cut clips) nor the damage between keyframes can be known.

        Raises:
            DecodeError: the file is damaged or cut off; what decoded before that was yielded.
        """
        for index, time, end, frame in self._timed():
            is_key = frame.key_frame
            if sampling.keeps(index, time.seconds, end, self.info.start_s, is_key=is_key):
                yield Frame(index=index, time=time, pixels=self._pixels(index, frame))
        if self._damage is not None:
            raise self._damage

    def close(self) -> None:
        """Give the file back."""
        self._decoded.close()
        self._container.close()

    def _decode(self) -> Generator[VideoFrame, None, None]:
        """Every frame, until the end or `self._damage`.

        The decoder is not drained after damage: what it still holds may be drawn on wrong ground.
        """
        try:
            for packet in self._container.demux():
                if packet.size:
                    self._extent.note(packet)
                if packet.stream.index != self._stream.index:
                    continue
                if packet.is_corrupt:  # cut short: its frame would be half grey
                    break
                for frame in self._stream.decode(packet):
                    self._decoded_frames += 1
                    yield frame
        except FAILURES as error:
            self._damage = self._damaged(_reason(error))
            self._damage.__cause__ = error
            return
        if self._extent.is_cut_short(self._decoded_frames):
            self._damage = self._damaged("the file ends too early")

    def _damaged(self, reason: str) -> DecodeError:
        declared = self._stream.frames or "an unknown number of"
        count = f"{self._decoded_frames} of {declared} declared frames could be decoded"
        return DecodeError(self._path, f"{count}: {reason}")

    def _timed(self) -> Iterator[tuple[int, MediaTime, Fraction, VideoFrame]]:
        """Each frame with its index, its time, and the time when the next one replaces it."""
        pending, self._pending = self._pending, []
        held: tuple[int, MediaTime, VideoFrame] | None = None
        for index, frame in enumerate(chain(pending, self._decoded)):
            # FFmpeg leaves pts out where the container has decoding times only (AVI); without
            # threads over frames the decoding time then is that of presentation.
            pts = frame.pts if frame.pts is not None else frame.dts
            if pts is None or frame.time_base is None:
                self._damage = self._damaged(f"frame {index} carries no time")
                break
            time = MediaTime(pts=pts, time_base=frame.time_base)
            if held is not None:
                if time.seconds <= held[1].seconds:
                    continue
                yield held[0], held[1], time.seconds, held[2]
            held = (index, time, frame)
        if held is not None:
            yield held[0], held[1], self._last_end(held[1], held[2]), held[2]

    def _last_end(self, time: MediaTime, frame: VideoFrame) -> Fraction:
        """When the last frame goes: by its own duration, else the frame rate, else the file's."""
        info = self.info
        if frame.duration:
            return time.seconds + frame.duration * time.time_base
        if self._stream.average_rate:
            return time.seconds + 1 / self._stream.average_rate
        declared = info.start_s + Fraction(info.duration_s or 0)
        return max(declared, time.seconds + time.time_base)

    def _pixels(self, index: int, frame: VideoFrame) -> Pixels:
        try:
            return self._display.pixels(frame)
        except FAILURES as error:
            reason = f"frame {index} cannot be converted to RGB: {_reason(error)}"
            raise DecodeError(self._path, reason) from error


def best_stream(path: Path, container: InputContainer) -> VideoStream:
    """The stream that FFmpeg thinks best, as players do; cover art is no video."""
    stream = container.streams.best("video")
    if stream is None or stream.disposition & Disposition.attached_pic:
        kinds = ", ".join(sorted({other.type for other in container.streams})) or "no stream at all"
        reason = f"has no video stream (it is {container.format.name} with {kinds})"
        raise UnsupportedMedia(path, reason)
    if not isinstance(stream, VideoStream) or stream.codec_context is None:
        raise UnsupportedMedia(path, "has a video stream that FFmpeg has no decoder for")
    return stream


def _describe(
    path: Path, container: InputContainer, stream: VideoStream, displayed: tuple[int, int]
) -> MediaInfo:
    duration_s: float | None = None
    if stream.duration and stream.time_base:
        duration_s = float(stream.duration * stream.time_base)
    elif container.duration:
        duration_s = container.duration / av.time_base
    else:
        duration_s = _packets_reach(path, stream.index)
    width, height = displayed
    return MediaInfo(
        kind=MediaKind.VIDEO,
        width=width,
        height=height,
        codec=stream.codec_context.codec.canonical_name,
        stream_index=stream.index,
        time_base=stream.time_base,
        frame_rate=float(stream.average_rate) if stream.average_rate else None,
        duration_s=duration_s if duration_s and duration_s > 0 else None,
        start_s=_start(container, stream),
        declared_frames=stream.frames or None,
    )


def _packets_reach(path: Path, stream_index: int) -> float | None:
    """How long a stream lasts by its packets, seconds; for files that declare nothing.

    Reads the whole file and decodes nothing.
    """
    first: Fraction | None = None
    end: Fraction | None = None
    try:
        with closing(open_container(path)) as container:
            for packet in container.demux(container.streams[stream_index]):
                if packet.pts is not None and packet.time_base is not None:
                    time = packet.pts * packet.time_base
                    first = time if first is None else min(first, time)
                    reach = time + (packet.duration or 0) * packet.time_base
                    end = reach if end is None else max(end, reach)
    except FAILURES:  # decoding will meet the damage, and say so
        pass
    return float(end - first) if first is not None and end is not None else None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _start(container: InputContainer, stream: VideoStream) -> Fraction:
    """When the container's clock starts, seconds."""
    start = Fraction(container.start_time or 0, av.time_base)
    if stream.start_time is not None and stream.time_base:
        # FFmpeg rounds it to microseconds, which can put it on the wrong side of the first frame.
        exact = stream.start_time * stream.time_base
        if abs(exact - start) < Fraction(1, av.time_base):
            return exact
    return start


def open_container(path: Path) -> InputContainer:
    try:
        # Absolute, or FFmpeg would take "a:b.mp4" for the protocol a.
        return av.open(
            str(path.absolute()), "r", container_options=_OPEN_OPTIONS, metadata_errors="replace"
        )
    except FAILURES as error:
        # Refused by the list of demuxers, FFmpeg says no more than "Invalid argument".
        listed = getattr(error, "errno", None) != errno.EINVAL
        reason = _reason(error) if listed else "not one of the video formats that are opened"
        with open_file(path) as file:
            name = video_signature(file)
        if name is not None:
            damage = f"begins like {name}, but cannot be opened; is it complete? FFmpeg: {reason}"
            raise DecodeError(path, damage) from error
        reason = f"is neither a picture that Pillow knows nor a video; FFmpeg: {reason}"
        raise UnsupportedMedia(path, reason) from error


@contextmanager
def open_video(path: Path) -> Iterator[Video]:
    """Open one video.

    Raises:
        MediaNotFound: the file cannot be read.
        UnsupportedMedia: it is not a video, or has no video stream.
        DecodeError: it is a video, but not one frame can be decoded.
    """
    open_file(path).close()
    container = open_container(path)
    with closing(container):
        media = Video(path, container)
        with closing(media):
            yield media
