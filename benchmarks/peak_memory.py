"""How much memory an ingest takes at most: the process and its decoder together, by input.

Linux only: reads /proc. Run: python -m benchmarks.peak_memory
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
from PIL import Image

from imgsim.pipeline.demo import VIDEO
from imgsim.store.server import EmbeddedServer

_INTERVAL_S = 0.05
_SMALL_FILES = 20_000


def main() -> None:
    """Print the peak for a clip, a film of 8k, a picture of 170 megapixels, and a large folder."""
    cases: dict[str, Callable[[Path], Path]] = {
        "720p clip, 132 frames": lambda _folder: VIDEO,
        "8k video, 30 frames": _large_video,
        "170 megapixel JPEG": _large_picture,
        f"folder of {_SMALL_FILES:,} pictures": _large_folder,
    }
    print("input                             peak MB  seconds")  # noqa: T201
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch).chmod(0o755)  # under root, the server's user passes through it
        data = Path(scratch) / "data"
        server = EmbeddedServer(data)
        try:
            for name, make in cases.items():
                peak_mb, seconds = _ingest(data, make(Path(scratch)))
                print(f"{name:<32}  {peak_mb:7.0f}  {seconds:7.1f}", flush=True)  # noqa: T201
        finally:
            server.stop()


def _ingest(data: Path, path: Path) -> tuple[float, float]:
    """Ingest a path; peak of memory in megabytes, and seconds."""
    command = [sys.executable, "-m", "imgsim", "--quiet", "--data-dir", str(data), "ingest"]
    started, peak = time.monotonic(), 0
    with subprocess.Popen([*command, str(path)], stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, _resident(process.pid))
            time.sleep(_INTERVAL_S)
    return peak / 1e6, time.monotonic() - started


def _resident(pid: int) -> int:
    """Bytes in memory of a process and its children."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:  # it has just ended
        return 0
    return 4096 * pages + sum(_resident(int(child)) for child in children)


def _large_video(folder: Path) -> Path:
    path = folder / "large.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 7680, 4320, "yuv420p"
        noise = np.random.default_rng(0).integers(0, 256, (54, 96, 3), np.uint8)
        for shift in range(30):
            picture = np.roll(noise, shift, axis=1).repeat(80, axis=0).repeat(80, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode())
    return path


def _large_picture(folder: Path) -> Path:
    path = folder / "large.jpg"
    Image.effect_noise((1700, 1000), 80).convert("RGB").resize((17_000, 10_000)).save(path)
    return path


def _large_folder(folder: Path) -> Path:
    path = folder / "many"
    path.mkdir()
    random = np.random.default_rng(0)
    for number in range(_SMALL_FILES):
        tiny = random.integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(tiny).save(path / f"{number:06d}.png")
    return path


if __name__ == "__main__":
    main()
