"""High dynamic range (HDR) video to sRGB, so that it looks like an ordinary picture of the scene.

Code values become light, what is brighter than SDR white is compressed below it, and the rest is
brought into the gamut of BT.709 and encoded as sRGB. A cube holds the whole chain.

FFmpeg could do it with zscale or libplacebo, but those are left out of PyAV's wheels; its scaler
cuts off what is brighter than white.
"""

from __future__ import annotations

import functools
from enum import IntEnum

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Values = npt.NDArray[np.float64]

REFERENCE_WHITE = 203.0
"""Nits of a white sheet in HDR (ITU-R BT.2408), and of SDR's white, on the same screen."""

_PEAK = 1000.0  # nits; the usual grading screen, and HLG's in BT.2100; brighter is clipped
_CUBE_SIDE = 65  # the most that Pillow takes; greys come out within one level of the formulas


class Transfer(IntEnum):
    """The transfer functions of HDR, by their numbers in ITU-T H.273."""

    PQ = 16
    HLG = 18


# To BT.709, linear light, by the number of the primaries in H.273. BT.2020: ITU-R BT.2087; P3 with
# the white D65: from the chromaticities in SMPTE EG 432-1.
_BT2020 = 9
_TO_BT709: dict[int, Values] = {
    1: np.eye(3),
    _BT2020: np.array(
        [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
    ),
    12: np.array(
        [[1.2249, -0.2249, 0.0000], [-0.0421, 1.0421, 0.0000], [-0.0196, -0.0786, 1.0983]]
    ),
}


# The constants of SMPTE ST 2084.
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32


def pq_to_nits(signal: Values) -> Values:
    """PQ's EOTF (SMPTE ST 2084, BT.2100 table 4): signal 0..1 to light, 0..10000 nits."""
    power = signal ** (1 / _M2)
    return 10000 * (np.maximum(power - _C1, 0) / (_C2 - _C3 * power)) ** (1 / _M1)


def nits_to_pq(nits: Values) -> Values:
    """PQ's inverse EOTF (SMPTE ST 2084): light of 0..10000 nits to signal 0..1."""
    power = (nits / 10000) ** _M1
    return ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2


def hlg_to_nits(signal: Values) -> Values:
    """HLG's inverse OETF and OOTF (BT.2100 table 5) for a screen of 1000 nits.

    Args:
        signal: (..., 3) RGB, 0..1; the OOTF depends on the luminance of all three.
    """
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    luminance: Values = scene @ np.array([0.2627, 0.6780, 0.0593])
    nits: Values = _PEAK * scene * luminance[..., None] ** 0.2  # system gamma 1.2
    return nits


def compress(nits: Values) -> Values:
    """The tone curve of BT.2390 (EETF, section 5.4.1), from 1000 nits to SDR white.

    Dark and middle tones stay, above about 90 nits a spline bends over. Black stays black.

    Returns:
        Light from 0 to `REFERENCE_WHITE` nits.
    """
    peak = float(nits_to_pq(np.array(_PEAK)))
    white = float(nits_to_pq(np.array(REFERENCE_WHITE))) / peak
    level = np.minimum(nits_to_pq(nits) / peak, 1)
    knee = 1.5 * white - 0.5
    t = (level - knee) / (1 - knee)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (3 * t**2 - 2 * t**3) * white
    )
    return pq_to_nits(np.where(level < knee, level, spline) * peak)


def srgb_signal(light: Values) -> Values:
    """IEC 61966-2-1: linear light 0..1 to signal 0..1."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def to_srgb(signal: Values, transfer: Transfer, primaries: int = _BT2020) -> Values:
    """The exact chain: HDR signal (..., 3) RGB, 0..1, to sRGB signal of the same shape.

    Args:
        signal: as decoded.
        transfer: what `signal` is encoded with.
        primaries: their number in H.273; unknown ones count as BT.2020, which BT.2100 prescribes.
    """
    nits = pq_to_nits(signal) if transfer is Transfer.PQ else hlg_to_nits(signal)
    # Each channel by itself: bright colours fade towards white, as they do in a photograph.
    light = compress(nits) / REFERENCE_WHITE @ _TO_BT709.get(primaries, _TO_BT709[_BT2020]).T
    return srgb_signal(np.clip(light, 0, 1))


@functools.lru_cache(maxsize=6)  # three megabytes each; a damaged file may name any primaries
def _cube(transfer: Transfer, primaries: int) -> ImageFilter.Color3DLUT:
    steps = np.linspace(0, 1, _CUBE_SIDE)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")  # red changes fastest
    table = to_srgb(np.stack([red, green, blue], axis=-1), transfer, primaries)
    return ImageFilter.Color3DLUT(_CUBE_SIDE, table.astype(np.float32).ravel())


def tone_map(
    samples: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], transfer: Transfer, primaries: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Bring a picture of HDR signals to sRGB.

    Args:
        samples: uint8 (height, width, 3) RGB or (height, width, 4) RGBA; alpha stays as it is.
        transfer: as in `to_srgb`.
        primaries: as in `to_srgb`.
    """
    return np.asarray(Image.fromarray(samples).filter(_cube(transfer, primaries)))
