"""Half precision on a GPU, whose tensor cores are several times as fast with it, where it is safe.

Networks differ in what they bear: some keep their embeddings, some lose them to overflow. So the
network is run both ways on photos, and half precision is taken where it makes no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module

from imgsim.backbones import runtime, verification
from imgsim.backbones.base import KerasModel
from imgsim.backbones.portions import Portions

LEAST_COSINE = 0.9999
"""Between embeddings in both precisions, on the picture where they differ most."""

_POLICY = "mixed_float16"


def faster_if_equal(plain: Portions, build: Callable[[], KerasModel], device: str) -> Portions:
    """The network in mixed precision if that gives the embeddings of `plain`, else `plain`.

    Args:
        plain: the network in float32.
        build: builds it anew, with the same weights.
        device: `cpu` or `gpu`.
    """
    try:
        with _policy():
            model = build()
        mixed = runtime.forward(model, device)
        cosine = verification.least_cosine(plain, mixed, model.input_shape[1])
    except Exception:  # whatever a backend or a card's libraries think of half precision
        return plain
    return mixed if cosine >= LEAST_COSINE else plain


@contextmanager
def _policy() -> Iterator[None]:
    config = import_module("keras").config
    config.set_dtype_policy(_POLICY)
    try:
        yield
    finally:
        config.set_dtype_policy("float32")
