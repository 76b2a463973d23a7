"""How fast networks embed on a GPU, in which precision, and when decoding becomes the limit.

Run: python -m benchmarks.gpu [--help]. Beside numpy and keras it needs one of TensorFlow, JAX and
PyTorch (KERAS_BACKEND chooses); PyAV, where it is installed, adds real frames and the decode rate.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import decode_rate, keras_runs
from benchmarks.gpu_timing import Bench
from benchmarks.record import RESULTS, Cell, Record
from imgsim.errors import ImgsimError

_ABOUT = (
    "Embedding on {device}: pictures a second of repeated full batches (the median), from uint8 in "
    "the host's memory to float32 there. images_s_resident, from which tflop_s follow, leaves out "
    "sending the pictures. Cosines compare with the network's first row, on {pictures}; of random "
    "weights they tell little. The mode `imgsim` is how imgsim itself calls Keras."
)
_BACKBONES = ("efficientnet_lite0", "mobilenet_v2", "resnet50", "vgg16")
_PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Decoding:
    video: Path
    what: str  # codec and size
    rates: list[decode_rate.Rate]

    @property
    def settings(self) -> dict[str, Cell]:
        """What was measured, for a record."""
        rates = {f"decode, {way}, frames/s": rate for way, rate in self.rates}
        return {"video": self.video.name, "video_is": self.what, **rates}

    @property
    def fastest(self) -> float:
        """Frames a second, by the best way."""
        return max(rate.frames_per_s for rate in self.rates)


def main() -> None:
    """Measure decoding, then every network; print a table and write JSON."""
    options = _options()
    keras_runs.choose_backend()
    try:
        bench = Bench.start(options)
    except ImgsimError as error:
        raise SystemExit(str(error)) from error
    decoding = _decoding(options)
    place = bench.card or "the CPU"
    real = f"frames of {decoding.video.name}" if decoding else "noise"
    record = Record(
        f"gpu_{bench.backend}",
        _ABOUT.format(device=place, pictures=real),
        bench.settings | (decoding.settings if decoding else {}),
    )
    best: dict[str, float] = {}
    for name in options.backbone:
        for row in bench.measure(name, decoding.video if decoding else None):
            rate = row["images_s"]
            if isinstance(rate, float):
                best[name] = max(best.get(name, 0.0), rate)
                row["times_decoding"] = rate / decoding.fastest if decoding else None
            record.add(**row)
    print(record.write(options.out))  # noqa: T201
    for line in _verdict(best, decoding) if decoding else ():
        print(line)  # noqa: T201


def _decoding(options: argparse.Namespace) -> _Decoding | None:
    video: Path = options.video or decode_rate.SAMPLE
    if not decode_rate.is_possible() or not video.is_file():
        print("No PyAV or no video: noise instead of frames, and no decode rate.")  # noqa: T201
        return None
    found = _Decoding(
        video=video,
        what=decode_rate.describe(video),
        rates=decode_rate.rates(video, options.seconds),
    )
    for way, rate in found.rates:
        print(f"decoding {found.what}, {way}: {rate:.0f} frames/s")  # noqa: T201
    return found


def _verdict(best: dict[str, float], decoding: _Decoding) -> Iterator[str]:
    yield f"Decoding {decoding.what}, as fast as it goes here: {decoding.fastest:.0f} frames/s."
    for name, rate in sorted(best.items(), key=lambda item: item[1]):
        limit = "decoding" if rate > decoding.fastest else "embedding"
        ratio = rate / decoding.fastest
        yield f"{name}: {rate:.0f} images/s, {ratio:.2f} times that: {limit} is the limit."


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--backbone", nargs="+", default=_BACKBONES, metavar="NAME")
    parser.add_argument(
        "--weights",
        nargs="+",
        default=[],
        type=_named_file,
        metavar="NAME=FILE",
        help="otherwise those at hand, else random ones",
    )
    parser.add_argument("--precision", nargs="+", default=_PRECISIONS[:2], choices=_PRECISIONS)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "gpu"))
    parser.add_argument("--video", type=Path, help="otherwise the clip that comes with imgsim")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each batch size, at least")
    parser.add_argument("--batch", nargs="+", type=int, default=(32, 64, 128, 256))
    parser.add_argument(
        "--torch-compile", action="store_true", help="PyTorch: measure torch.compile as well"
    )
    parser.add_argument(
        "--peak-tflops", type=float, help="of the device, in place of the card's known peak"
    )
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON file")
    return parser.parse_args()


def _named_file(text: str) -> tuple[str, Path]:
    name, equals, file = text.partition("=")
    if not equals or not Path(file).is_file():
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=FILE with a file that exists")
    return name, Path(file)


if __name__ == "__main__":
    main()
