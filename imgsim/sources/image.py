"""Still pictures, decoded by Pillow (HEIC by pillow-heif): one upright RGB frame, without a time.

Several pages of a TIFF, the second eye of an MPO and the layers of a PSD are not read: the first
picture stands for the file. Pages have no time, and a picture has one frame.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from imgsim.domain import Frame, MediaInfo, MediaKind, Pixels
from imgsim.errors import DecodeError, UnsupportedMedia
from imgsim.sampling import Sampling
from imgsim.sources.colour_profile import to_srgb
from imgsim.sources.files import boxes_are_whole, image_signature, max_pixels, open_file, too_large
from imgsim.sources.orientation import UPRIGHT, Orientation, from_exif
from imgsim.sources.pages import page_numbers

# Left out of what Pillow could open: EPS (starts Ghostscript), MPEG (a video), TGA (has no
# signature, so anything can pass for it), and formats of science and of old games.
_USUAL = ("JPEG", "PNG", "GIF", "BMP", "DIB", "PPM")
_OTHERS = (
    *("WEBP", "TIFF", "HEIF", "AVIF", "JPEG2000", "PSD", "QOI", "DDS", "PCX", "SGI"),
    *("ICO", "ICNS"),
)

_MID_GREY = (128, 128, 128, 255)
_EXIF_ORIENTATION = 0x0112


@functools.cache
def _prepare_pillow() -> None:
    """Load Pillow's usual plug-ins once, on first use: `imgsim --help` must not wait for them."""
    Image.preinit()
    # Odd metadata makes Pillow warn on stderr, thousands of lines for a folder of phone pictures;
    # what matters (too large, truncated) is an error here.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@functools.cache
def _load_other_plugins() -> None:
    """Load the rest, which takes as long as a query takes to be embedded."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    Image.init()


def _open(file: BinaryIO) -> Image.Image:
    try:
        return Image.open(file, formats=_USUAL)
    except UnidentifiedImageError:
        _load_other_plugins()
        return Image.open(file, formats=_OTHERS)


def identify(path: Path, file: BinaryIO) -> Image.Image | None:
    """Open a picture by its content, without decoding it; None where it is not a picture.

    Args:
        path: for messages only.
        file: open at its start; the picture reads from it later on.

    Raises:
        DecodeError: it is a picture, but damaged or too large.
        UnsupportedMedia: it is a picture of a format that cannot be read.
    """
    _prepare_pillow()
    # Pillow refuses twice as many itself, where a format allocates while it is opened.
    Image.MAX_IMAGE_PIXELS = max_pixels()
    try:
        picture = _open(file)
    except UnidentifiedImageError as error:
        name = image_signature(file)
        if name == "JPEG XL":
            reason = "is JPEG XL, which cannot be read; convert it to PNG or JPEG, as with djxl"
            raise UnsupportedMedia(path, reason) from error
        if name is not None:
            raise DecodeError(path, f"begins like {name}, but its header is damaged") from error
        return None
    # Parsers meet hostile bytes here and raise whatever their authors did not think of.
    except Exception as error:
        raise decode_error(path, error) from error
    _refuse_large(path, picture.width, picture.height)
    return picture


def decode_error(path: Path, error: Exception) -> DecodeError:
    """Say in a DecodeError what Pillow's exception means for this file."""
    if isinstance(error, DecodeError):
        return error
    if isinstance(error, Image.DecompressionBombError):
        return DecodeError(path, too_large())
    if isinstance(error, MemoryError):
        return DecodeError(path, "too large: there is not enough memory to decode it")
    return DecodeError(path, f"damaged image: {str(error) or type(error).__name__}")


def _refuse_large(path: Path, width: int, height: int) -> None:
    if width * height > max_pixels():
        raise DecodeError(path, too_large(f"{width} x {height} pixels"))


def to_pixels(picture: Image.Image) -> Pixels:
    """Decode a picture's current frame and set it upright: uint8 (height, width, 3) RGB.

    Colours with an ICC profile come out as sRGB, transparency is laid over mid-grey, 16 bits are
    scaled down to 8.
    """
    picture.load()
    return orientation(picture).apply(_rgb(picture))


def _rgb(picture: Image.Image) -> Pixels:
    if picture.mode.startswith("I;16"):
        return _grey(np.asarray(picture).astype(np.float64) / 257)
    if picture.mode in ("I", "F"):
        return _grey(_eight_bits(np.asarray(picture).astype(np.float64)))
    if picture.has_transparency_data:
        # Straight to RGB would show whatever colour lies under the transparent parts.
        seen = to_srgb(picture if picture.mode == "LA" else picture.convert("RGBA"))
        grey = Image.new("RGBA", seen.size, _MID_GREY)
        return np.asarray(Image.alpha_composite(grey, seen.convert("RGBA")).convert("RGB"))
    if picture.mode == "P":  # the profile speaks of the palette's colours
        picture = picture.convert("RGB")
    return np.asarray(to_srgb(picture).convert("RGB"))


def _eight_bits(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Scale 32-bit values to 0..255 from the smallest usual range that holds them all."""
    values = np.nan_to_num(values, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    for white in (1, 255, 65535):
        if low >= 0 and high <= white:
            return values * (255 / white)
    return (values - low) * (255 / ((high - low) or 1))


def _grey(values: npt.NDArray[np.float64]) -> Pixels:
    rounded = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return np.repeat(rounded[:, :, None], 3, axis=2)


def orientation(picture: Image.Image) -> Orientation:
    """How a picture lies that was loaded.

    Turned only once: libheif turns HEIC while it decodes, Pillow turns TIFF while it loads, and
    both reset the tag. AVIF is not turned; Pillow reports its turn as EXIF.
    """
    try:
        return from_exif(picture.getexif().get(_EXIF_ORIENTATION))
    # Damaged metadata, in any way: the pixels are good, so show them as they lie.
    except Exception:
        return UPRIGHT


class StillImage:
    """A picture, or the pages of a document. The first is decoded when opened."""

    def __init__(self, path: Path, picture: Image.Image) -> None:
        """Decode the first of `picture`'s pages; raise DecodeError where that fails."""
        self._path = path
        self._picture = picture
        self._pages = page_numbers(picture)
        self._decoded_frames = 0
        try:
            self._first = self._decode(self._pages[0])
        except Exception as error:  # as in identify()
            raise decode_error(path, error) from error
        height, width, _ = self._first.shape
        self.info = MediaInfo(
            kind=MediaKind.IMAGE,
            width=width,
            height=height,
            codec=picture.format.lower() if picture.format else None,
            declared_frames=len(self._pages),
        )

    @property
    def decoded_frames(self) -> int:
        """Pages handed out."""
        return self._decoded_frames

    def frames(self, sampling: Sampling) -> Iterator[Frame]:  # noqa: ARG002 - pages are never sampled away
        """Yield every page, without time, whatever the sampling.

        Raises:
            DecodeError: a page is damaged or too large; those before it were yielded.
        """
        for index, number in enumerate(self._pages):
            try:
                pixels = self._decode(number) if index else self._first
            except Exception as error:  # as in identify()
                reason = decode_error(self._path, error).reason
                done = f"{index} of {len(self._pages)} pages could be decoded"
                raise DecodeError(self._path, f"{done}: {reason}") from error
            self._decoded_frames += 1
            yield Frame(index=index, time=None, pixels=pixels)

    def _decode(self, number: int) -> Pixels:
        if number:  # no format but TIFF has more, and some cannot seek at all
            self._picture.seek(number)
        _refuse_large(self._path, self._picture.width, self._picture.height)
        return to_pixels(self._picture)


@contextmanager
def open_image(path: Path) -> Iterator[StillImage]:
    """Open one still picture, or a document.

    Raises:
        MediaNotFound: the file cannot be read.
        UnsupportedMedia: it is not a picture.
        DecodeError: it is a picture, but damaged, truncated or too large.
    """
    with open_file(path) as file:
        picture = identify(path, file)
        if picture is None:
            raise UnsupportedMedia(path, "is not a picture")
        if picture.format in ("HEIF", "AVIF") and not boxes_are_whole(file):
            raise DecodeError(path, f"truncated {picture.format} image: the file ends too early")
        yield StillImage(path, picture)
