"""Keras networks on a device, called as directly as TensorFlow, JAX or PyTorch allow.

The only file of the benchmarks that knows these three; nothing here needs more than one of them.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeAlias

import numpy as np

from imgsim.domain import PixelBatch, Vectors

KerasModel: TypeAlias = Any
Tensor: TypeAlias = Any

_BACKENDS = ("tensorflow", "torch", "jax")


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A network in three steps, so that each can be timed."""

    send: Callable[[PixelBatch], Tensor]  # to the device's memory
    compute: Callable[[Tensor], Tensor]  # may return before the device is done
    fetch: Callable[[Tensor], Vectors]  # waits for the device; float32 in the host's memory

    def __call__(self, pictures: PixelBatch) -> Vectors:
        """uint8 RGB (n, s, s, 3) -> float32 (n, dim), from and to the host's memory."""
        return self.fetch(self.compute(self.send(pictures)))


def choose_backend() -> None:
    """Let Keras use what is installed, unless KERAS_BACKEND says what; before Keras is imported.

    Raises:
        SystemExit: none of the three is installed.
    """
    if "KERAS_BACKEND" not in os.environ:
        specs = ((name, find_spec(name)) for name in _BACKENDS)
        # A folder that happens to be called `torch` is found too, but comes from no file.
        installed = [name for name, spec in specs if spec and spec.origin]
        if not installed:
            raise SystemExit(f"Install one of {', '.join(_BACKENDS)} beside keras.")
        os.environ["KERAS_BACKEND"] = installed[0]


def modes(backend: str, *, torch_compile: bool) -> tuple[str, ...]:
    """The ways in which this backend can run a network, the plainest first."""
    if backend == "torch":
        return ("eager", "torch.compile") if torch_compile else ("eager",)
    return ("jit",) if backend == "jax" else ("graph", "XLA")


def prepare(network: KerasModel, mode: str) -> Run:
    """Make a network callable in one of `modes`, on the device where its weights are.

    Args:
        network: takes uint8 RGB (n, s, s, 3), gives (n, dim).
        mode: one of `modes`.
    """
    if mode in ("graph", "XLA"):
        return _tensorflow(network, is_xla=mode == "XLA")
    return _jax(network) if mode == "jit" else _torch(network, mode)


def _tensorflow(network: KerasModel, *, is_xla: bool) -> Run:
    tf = import_module("tensorflow")
    device = network.weights[0].value.device
    graph = tf.function(
        lambda pictures: network(pictures, training=False), autograph=False, jit_compile=is_xla
    )

    def send(pictures: PixelBatch) -> Tensor:
        with tf.device(device):
            return tf.identity(tf.convert_to_tensor(pictures))

    def compute(pictures: Tensor) -> Tensor:
        with tf.device(device):
            return graph(pictures)

    return Run(send=send, compute=compute, fetch=lambda result: _float32(result.numpy()))


def _jax(network: KerasModel) -> Run:
    jax = import_module("jax")
    (device,) = network.weights[0].value.devices()
    weights = (
        [each.value for each in network.trainable_variables],
        [each.value for each in network.non_trainable_variables],
    )

    def forward(trained: Tensor, fixed: Tensor, pictures: Tensor) -> Tensor:
        return network.stateless_call(trained, fixed, pictures, training=False)[0]

    compiled = jax.jit(forward)
    return Run(
        send=lambda pictures: jax.device_put(pictures, device),
        compute=lambda pictures: compiled(*weights, pictures),
        fetch=_float32,
    )


def _torch(network: KerasModel, mode: str) -> Run:
    torch = import_module("torch")
    device = network.weights[0].value.device
    call = torch.compile(network) if mode == "torch.compile" else network

    def compute(pictures: Tensor) -> Tensor:
        with torch.no_grad(), import_module("keras").device(str(device)):
            return call(pictures, training=False)

    return Run(
        send=lambda pictures: torch.from_numpy(pictures).to(device),
        compute=compute,
        fetch=lambda result: _float32(result.float().cpu().numpy()),
    )


def _float32(result: Tensor) -> Vectors:
    return np.asarray(result).astype(np.float32)


def card_name(backend: str) -> str:
    """What the driver calls the GPU in use."""
    if backend == "torch":
        return str(import_module("torch").cuda.get_device_name(0))
    if backend == "jax":
        return str(import_module("jax").devices("gpu")[0].device_kind)
    config = import_module("tensorflow").config
    details = config.experimental.get_device_details(config.get_visible_devices("GPU")[0])
    return str(details.get("device_name", "unknown"))


class PeakMemory:
    """The most memory of the GPU that arrays took since this was made; not what a cache keeps."""

    def __init__(self, backend: str) -> None:
        """Begin anew, where the backend can: JAX only counts on from the start of the process."""
        self._backend = backend
        self._before = 0
        if backend == "torch":
            import_module("torch").cuda.reset_peak_memory_stats()
        elif backend == "tensorflow":
            import_module("tensorflow").config.experimental.reset_memory_stats("GPU:0")
        else:
            self._before = self._read()

    def megabytes(self) -> float | None:
        """None: unknown, or below an earlier peak that JAX does not forget."""
        peak = self._read()
        return peak / 1e6 if peak > self._before else None

    def _read(self) -> int:
        if self._backend == "torch":
            return int(import_module("torch").cuda.max_memory_allocated())
        if self._backend == "tensorflow":
            config = import_module("tensorflow").config
            return int(config.experimental.get_memory_info("GPU:0")["peak"])
        statistics = import_module("jax").devices("gpu")[0].memory_stats() or {}
        return int(statistics.get("peak_bytes_in_use", 0))


def forget(backend: str) -> None:
    """Give back what networks took that nobody holds any more."""
    import_module("keras").utils.clear_session()
    gc.collect()
    if backend == "torch" and import_module("torch").cuda.is_available():
        import_module("torch").cuda.empty_cache()
    elif backend == "jax":
        import_module("jax").clear_caches()
