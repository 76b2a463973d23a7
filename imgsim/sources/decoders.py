"""Which media this installation can decode."""

from __future__ import annotations

import av
import PIL
from av.codec import Codec
from PIL import features

from imgsim.domain import Finding, Verdict

_VIDEO = ("h264", "hevc", "av1", "vp8", "vp9", "vvc", "mpeg4", "mpeg2video", "prores")
_IMAGE = ("jpg", "zlib", "libtiff", "webp", "avif", "jpg_2000")


def diagnose() -> list[Finding]:
    """What is there of the decoders that people's files ask for."""
    return [
        _finding(
            "video",
            f"PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info}",
            [name for name in _VIDEO if not _has_decoder(name)],
        ),
        _finding(
            "images",
            f"Pillow {PIL.__version__}, libheif {_libheif() or 'missing'}",
            [name for name in _IMAGE if not features.check(name)]
            + ([] if _libheif() else ["heif"]),
        ),
    ]


def _finding(topic: str, versions: str, missing: list[str]) -> Finding:
    if missing:
        text = f"{versions}; without {', '.join(missing)}"
        return Finding(topic=topic, verdict=Verdict.NOTE, text=text)
    return Finding(topic=topic, text=versions)


def _has_decoder(name: str) -> bool:
    try:
        Codec(name, "r")
    except ValueError:  # PyAV's UnknownCodecError
        return False
    return True


def _libheif() -> str | None:
    try:
        import pillow_heif
    except ImportError:
        return None
    return str(pillow_heif.libheif_version())
