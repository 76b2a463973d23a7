"""Work on pixels: resize, thumbnail, blankness, contact sheets. Arrays in, arrays out.

The only file that knows OpenCV. OpenCV is BGR by habit; every array here is RGB, and the order is
turned round only where OpenCV writes or reads a file format.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import cv2
import numpy as np

from imgsim.domain import Pixels
from imgsim.resampling import reduce_by_area

# A frame is blank where the deviation of each channel, on a copy of 32 x 32, is below one of 256
# levels. Measured: black and one-colour clips 0 to 0.2; the plainest of 1,143 photos (a parachute
# in a cloudless sky) 12.6, so that even at a tenth of its contrast it is a picture. A fade is a
# picture from about five levels on. Not a range of percentiles: those lose a line of white text.
_BLANK_SIDE = 32
_BLANK_DEVIATION = 1.0

_SMALL = 300_000  # numbers; OpenCV is quicker below, and where both ratios are whole


def resize_square(pixels: Pixels, size: int) -> Pixels:
    """Squash a picture to (size, size, 3), whatever its shape; uint8 RGB in and out."""
    return _resize(pixels, size, size)


def thumbnail(pixels: Pixels, long_side: int = 160) -> Pixels:
    """Make a small copy; a picture smaller than `long_side` keeps its size.

    Args:
        pixels: uint8 (height, width, 3) RGB.
        long_side: of the copy, pixels; the short side is at least 1.
    """
    height, width, _ = pixels.shape
    scale = min(1.0, long_side / max(height, width))
    return _resize(pixels, max(1, round(width * scale)), max(1, round(height * scale)))


def is_blank(pixels: Pixels) -> bool:
    """Tell whether a picture is as good as one flat colour: there is nothing to embed.

    Args:
        pixels: uint8 (height, width, 3) RGB, any size; a thumbnail tells as much, and sooner.
    """
    height, width, _ = pixels.shape
    small = _resize(pixels, min(width, _BLANK_SIDE), min(height, _BLANK_SIDE))
    return bool(small.reshape(-1, 3).std(axis=0, dtype=np.float64).max() < _BLANK_DEVIATION)


def difference(one: Pixels, other: Pixels) -> float:
    """How far two pictures are from being the same: the mean difference of a channel, in levels.

    Args:
        one: uint8 (height, width, 3) RGB.
        other: the same, of any size.

    Returns:
        0 to 255, compared at the smaller of both sizes; infinity where the shapes differ, that is,
        one would have to be squashed by more than a pixel and 2 % to look like the other.
    """
    height, width = min(one.shape, other.shape, key=lambda shape: shape[0] * shape[1])[:2]
    for picture in (one, other):
        fitting = picture.shape[0] * width / picture.shape[1]
        if abs(fitting - height) > max(1.0, 0.02 * height):
            return float("inf")
    left, right = (_resize(picture, width, height) for picture in (one, other))
    return float(cv2.absdiff(left, right).mean())


def encode_jpeg(pixels: Pixels, quality: int = 80) -> bytes:
    """Encode a picture, uint8 (height, width, 3) RGB, as JPEG; 80 is a thumbnail's quality."""
    return _encode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])


def encode_png(pixels: Pixels) -> bytes:
    """Encode a picture, uint8 (height, width, 3) RGB, as PNG; nothing is lost."""
    return _encode(".png", pixels, [])


def decode_jpeg(data: bytes) -> Pixels:
    """Decode a thumbnail: JPEG in, uint8 (height, width, 3) RGB out.

    Raises:
        ValueError: the bytes are not a picture.
    """
    buffer = np.frombuffer(data, dtype=np.uint8)
    bgr = cv2.imdecode(buffer, cv2.IMREAD_COLOR) if buffer.size else None
    if bgr is None:
        raise ValueError(f"{len(data)} bytes that are not a JPEG picture")
    return _swap_red_and_blue(np.asarray(bgr, dtype=np.uint8))


def contact_sheet(query: Pixels, query_label: str, tiles: Sequence[tuple[Pixels, str]]) -> Pixels:
    """Draw a query and its hits on one light sheet: the query large at left, hits in rows of five.

    Args:
        query: uint8 (height, width, 3) RGB, any size.
        query_label: written below the query. The first of its lines is set bold. Lines that are
            too wide lose their middle, so that the end of a file name stays.
        tiles: the hits in order: picture and label (for example rank and distance, file, time).

    Returns:
        uint8 (height, width, 3) RGB.
    """
    columns = min(_COLUMNS, len(tiles))
    rows = -(-len(tiles) // _COLUMNS)
    query_place = _place([query], _QUERY)
    tile_place = _place([picture for picture, _ in tiles], _TILE)
    cell_height = tile_place[1] + _label_height([label for _, label in tiles]) + _GAP
    left = _MARGIN + query_place[0] + 2 * _GAP
    width = left + columns * (tile_place[0] + _GAP) - _GAP + _MARGIN
    query_height = query_place[1] + _label_height([query_label])
    height = 2 * _MARGIN + max(query_height, rows * cell_height - _GAP)
    sheet = np.full((height, width, 3), _PAPER, dtype=np.uint8)
    _draw(sheet, query, query_label, (_MARGIN, _MARGIN), query_place)
    for number, (picture, label) in enumerate(tiles):
        row, column = divmod(number, _COLUMNS)
        corner = (left + column * (tile_place[0] + _GAP), _MARGIN + row * cell_height)
        _draw(sheet, picture, label, corner, tile_place)
    return sheet


# Sizes of the sheet, pixels; pairs are (width, height), of places at their largest.
_COLUMNS = 5
_QUERY = (384, 288)
_TILE = (240, 160)
_GAP = 16
_MARGIN = 24
_LINE = 20

_PAPER = (250, 250, 248)
_BED = (234, 234, 231)  # shows round pictures that are narrower or flatter than their place
_INK = (32, 33, 36)
_PALE_INK = (95, 99, 104)
_BOLD = (cv2.FONT_HERSHEY_DUPLEX, 0.5)
_PLAIN = (cv2.FONT_HERSHEY_SIMPLEX, 0.45)

# OpenCV 5 draws any script; OpenCV 4 has ASCII only.
_ANY_SCRIPT = hasattr(cv2, "FontFace")


def _draw(
    sheet: Pixels, picture: Pixels, label: str, corner: tuple[int, int], place: tuple[int, int]
) -> None:
    """Draw a picture into its place, centred and uncut, and its label below."""
    left, top = corner
    sheet[top : top + place[1], left : left + place[0]] = _BED
    shown = _resize(picture, *_fitted(picture, place))
    y = top + (place[1] - shown.shape[0]) // 2
    x = left + (place[0] - shown.shape[1]) // 2
    sheet[y : y + shown.shape[0], x : x + shown.shape[1]] = shown
    for number, line in enumerate(label.splitlines()):
        face, scale = _PLAIN if number else _BOLD
        text = _fit(line, place[0], face, scale)
        base = (left, top + place[1] + (number + 1) * _LINE)
        cv2.putText(sheet, text, base, face, scale, _PALE_INK if number else _INK, 1, cv2.LINE_AA)


def _fitted(picture: Pixels, place: tuple[int, int]) -> tuple[int, int]:
    """The largest (width, height) of the picture's shape inside a place."""
    height, width, _ = picture.shape
    scale = min(place[0] / width, place[1] / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _place(pictures: Sequence[Pixels], largest: tuple[int, int]) -> tuple[int, int]:
    """A place as wide as the largest, and no higher than the highest of the pictures needs."""
    return largest[0], max((_fitted(picture, largest)[1] for picture in pictures), default=1)


def _label_height(labels: Sequence[str]) -> int:
    lines = max((len(label.splitlines()) for label in labels), default=0)
    return lines * _LINE + 6 if lines else 0  # 6: the descenders of the last line


def _fit(line: str, width: int, face: int, scale: float) -> str:
    """Make a line drawable, and at most `width` pixels wide by leaving out its middle."""
    text = _drawable(line)
    kept = len(text)
    shown = text
    while kept > 1 and cv2.getTextSize(shown, face, scale, 1)[0][0] > width:
        kept -= 1
        head = kept // 2
        shown = f"{text[:head]}...{text[len(text) - (kept - head) :]}"
    return shown


def _drawable(line: str) -> str:
    """Replace by '?' what cannot be drawn: broken characters of file names, and beyond ASCII
    whatever the font of OpenCV 4 lacks, after accents were taken off.
    """
    shown = "".join(c if c.isprintable() else "?" for c in line)
    if _ANY_SCRIPT:
        return shown
    plain = unicodedata.normalize("NFKD", shown)
    bare = "".join(c for c in plain if not unicodedata.combining(c))
    return bare.encode("ascii", "replace").decode("ascii")


def _resize(pixels: Pixels, width: int, height: int) -> Pixels:
    """Resize each axis with the filter that suits it: average to shrink, interpolate to grow."""
    rows, columns = pixels.shape[:2]
    shrunk = (min(width, columns), min(height, rows))
    result = np.ascontiguousarray(pixels)
    if shrunk == (columns, rows):
        pass
    elif result.size < _SMALL or (columns % shrunk[0] == 0 and rows % shrunk[1] == 0):
        result = np.asarray(cv2.resize(result, shrunk, interpolation=cv2.INTER_AREA), np.uint8)
    else:
        result = reduce_by_area(result, *shrunk)
    if shrunk != (width, height):
        grown = cv2.resize(result, (width, height), interpolation=cv2.INTER_CUBIC)
        result = np.asarray(grown, np.uint8)
    return result


def _encode(suffix: str, pixels: Pixels, options: list[int]) -> bytes:
    done, data = cv2.imencode(suffix, _swap_red_and_blue(pixels), options)
    if not done:
        raise ValueError(f"OpenCV cannot write a picture of shape {pixels.shape} as {suffix}")
    return bytes(data)


def _swap_red_and_blue(pixels: Pixels) -> Pixels:
    return np.ascontiguousarray(pixels[:, :, ::-1])
