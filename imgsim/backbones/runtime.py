"""Start Keras quietly, choose the device, run a network. The only file that knows its backends."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module

import numpy as np

from imgsim.backbones.base import KerasModel
from imgsim.backbones.portions import Portions
from imgsim.domain import PixelBatch, Vectors
from imgsim.errors import DeviceMissing, InvalidArgument

_BATCH = 32  # pictures a call at most ...
_BATCH_PIXELS = _BATCH * 224 * 224  # ... and fewer of larger ones: memory grows with their pixels

_QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # JAX would take three quarters of the GPU's memory
}

_TITLES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}


def start(device: str) -> str:
    """Import Keras and choose where it computes. Call it before anything else of Keras.

    Args:
        device: `auto`, `cpu` or `gpu`.

    Returns:
        `cpu` or `gpu`.

    Raises:
        InvalidArgument: no such choice.
        DeviceMissing: `gpu` was asked for and the backend sees none.
    """
    if device not in ("auto", "cpu", "gpu"):
        raise InvalidArgument(f"--device must be auto, cpu or gpu, not '{device}'.")
    chatty = os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3") != "3"  # somebody wants to read the log
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    with contextlib.nullcontext() if chatty or "keras" in sys.modules else _native_stderr_held():
        keras = import_module("keras")
        backend = keras.backend.backend()
        gpu = _take_gpu(backend, wanted=device != "cpu")
    if device == "gpu" and not gpu:
        raise DeviceMissing(
            f"--device gpu was asked for; {_TITLES.get(backend, backend)} sees no GPU here. Its "
            "GPU build (for TensorFlow: imgsim[gpu]) and the GPU's driver must be installed; or "
            "use --device cpu."
        )
    if not chatty:  # it warns of retracing wherever five networks are loaded in one process
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
    # Someone's ~/.keras/keras.json must not change what a backbone computes.
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    return "gpu" if gpu else "cpu"


@contextlib.contextmanager
def on_device(device: str) -> Iterator[None]:
    """Build and run on `cpu` or `gpu`; what Keras prints goes to stderr, since stdout is data."""
    keras = import_module("keras")
    # PyTorch takes `cpu:0` for another place than its `cpu`: weights moved there are copies that
    # it wants gradients of, which integers (a Normalization's count) cannot have.
    is_plain = device == "cpu" and keras.backend.backend() == "torch"
    with contextlib.redirect_stdout(sys.stderr), keras.device("cpu" if is_plain else f"{device}:0"):
        yield


def batch_size(side: int) -> int:
    """How many square pictures of this side, in pixels, go through a network in one call."""
    return max(1, min(_BATCH, _BATCH_PIXELS // side**2))


def title() -> str:
    """What runs networks, for people: TensorFlow, JAX or PyTorch; after `start`."""
    backend = str(import_module("keras").backend.backend())
    return _TITLES.get(backend, backend)


def in_portions(run: Callable[[PixelBatch], Vectors], side: int) -> Portions:
    """Let a network that takes pictures of `side` pixels take any number of them at a time."""
    return Portions(run, batch_size(side))


def forward(model: KerasModel, device: str) -> Portions:
    """Make a network callable: uint8 RGB (n, s, s, 3), n of 1 or more -> float32 (n, dim)."""
    backend = import_module("keras").backend.backend()
    full = batch_size(model.input_shape[1])
    if backend == "tensorflow":
        return Portions(_tensorflow_forward(model, device), full)
    is_jax = backend == "jax"
    model.compile(jit_compile=is_jax)

    def run(pictures: PixelBatch) -> Vectors:
        count = len(pictures)
        if is_jax and count > 1:  # it compiles for each new batch size: allow two
            short = full - count
            pictures = np.concatenate([pictures, np.repeat(pictures[-1:], short, axis=0)])
        with on_device(device):
            return np.asarray(model.predict_on_batch(pictures), np.float32)[:count]

    return Portions(run, full, fixed=is_jax)


def _tensorflow_forward(model: KerasModel, device: str) -> Callable[[PixelBatch], Vectors]:
    """One graph for every batch size: `predict_on_batch` would trace twice, eager runs slower.

    XLA stays off: on CPU it was slower for every network tried, and it compiles per batch size.
    """
    tf = import_module("tensorflow")
    signature = tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8)
    graph = tf.function(
        lambda pictures: model(pictures, training=False),
        input_signature=[signature],
        autograph=False,
        jit_compile=False,
    )

    def run(pictures: PixelBatch) -> Vectors:
        with tf.device(f"/{device}:0"):
            return np.asarray(graph(pictures).numpy(), np.float32)

    return run


def _take_gpu(backend: str, *, wanted: bool) -> bool:
    """Tell whether there is a GPU to use; hide it where it is not wanted."""
    if backend == "tensorflow":
        return _take_tensorflow_gpu(wanted=wanted)
    if not wanted or backend not in ("torch", "jax"):
        return False
    if backend == "torch":
        return bool(import_module("torch").cuda.is_available())
    try:
        return bool(import_module("jax").devices("gpu"))
    except RuntimeError:  # JAX's answer where its platform 'gpu' is not there
        return False


def _take_tensorflow_gpu(*, wanted: bool) -> bool:
    config = import_module("tensorflow").config
    gpus = config.get_visible_devices("GPU")
    with contextlib.suppress(RuntimeError):  # already computing: too late, and settled before
        if not wanted:
            config.set_visible_devices([], "GPU")
        for gpu in gpus if wanted else ():  # otherwise the first operation takes all its memory
            config.experimental.set_memory_growth(gpu, True)
    return wanted and bool(gpus)


@contextlib.contextmanager
def _native_stderr_held() -> Iterator[None]:
    """Hold back what native code writes to stderr; show it only if an error ends the block.

    TensorFlow logs from its loader before it reads TF_CPP_MIN_LOG_LEVEL.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        kept = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            os.dup2(kept, 2)
            held.seek(0)
            sys.stderr.write(held.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
