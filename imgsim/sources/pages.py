"""Which of the pictures in a file are pages of a document."""

from __future__ import annotations

from PIL import Image

_SUBFILE_TYPE = 254  # TIFF 6.0: bit 0 marks a smaller copy of another page, bit 2 a mask
_NO_PAGE = 0b101


def page_numbers(picture: Image.Image) -> list[int]:
    """The numbers, for Pillow's `seek`, of the pages in an open file; at least one.

    Only TIFF has pages. In other formats, further pictures are a second eye, a layer or a preview.
    """
    if picture.format != "TIFF":
        return [0]
    numbers = []
    try:
        for number in range(getattr(picture, "n_frames", 1)):
            picture.seek(number)
            tags = getattr(picture, "tag_v2", {})
            if not int(tags.get(_SUBFILE_TYPE, 0)) & _NO_PAGE:
                numbers.append(number)
    except Exception:  # hostile bytes raise anything; the first page may be good all the same
        numbers = []
    picture.seek(0)
    return numbers or [0]
