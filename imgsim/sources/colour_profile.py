"""Still pictures with an ICC profile to sRGB, by Little CMS as it comes with Pillow."""

from __future__ import annotations

import functools
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

# Profiles that differ less are sRGB under one of its many names.
_SAME_LEVELS = 2
_KEPT_TRANSFORMS = 16  # one camera's folder needs one; those of CMYK take some megabytes each

# Which pictures a profile can speak of, by the colour space that it is for.
_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}


def to_srgb(picture: Image.Image) -> Image.Image:
    """Convert a loaded picture to sRGB by its own profile, with perceptual intent.

    A profile that is damaged, made for another kind of picture or sRGB already is ignored, as
    browsers do: the picture comes back as it is.

    Args:
        picture: RGB, RGBA, L, LA or CMYK. LAB needs no profile. Other modes come back unchanged.

    Returns:
        The picture as RGB, or RGBA where it had alpha, which stays as it was.
    """
    if picture.mode == "LAB":
        return _from_lab(picture)
    profile = picture.info.get("icc_profile")
    mode = picture.mode.removesuffix("A")
    if not isinstance(profile, bytes) or mode not in _MODES.values():
        return picture
    transform = _transform(profile, mode)
    if transform is None:
        return picture
    if mode == picture.mode:
        return transform.apply(picture)
    converted = transform.apply(picture.convert(mode))
    converted.putalpha(picture.getchannel("A"))
    return converted


@functools.lru_cache(maxsize=_KEPT_TRANSFORMS)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From a profile to sRGB; None where it does not apply or changes nothing."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if _MODES.get(source.profile.xcolor_space) != mode:
            return None
        srgb = ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(source, srgb, mode, "RGB")
    except (OSError, ImageCms.PyCMSError):  # a damaged profile does not spoil good pixels
        return None
    return transform if mode != "RGB" or _changes(transform) else None


def _changes(transform: ImageCms.ImageCmsTransform) -> bool:
    levels = np.arange(0, 256, 51, dtype=np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    converted = np.asarray(transform.apply(Image.fromarray(colours)))
    return int(np.abs(converted.astype(int) - colours).max()) > _SAME_LEVELS


def _from_lab(picture: Image.Image) -> Image.Image:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(lab, srgb, "LAB", "RGB").apply(picture)
