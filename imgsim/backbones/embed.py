"""A loaded backbone at work: pictures in, unit vectors out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from imgsim.backbones.portions import Portions
from imgsim.domain import PixelBatch, Vectors
from imgsim.vectors import l2_normalize, unit_rows


@dataclass(frozen=True, kw_only=True)
class Embedder:
    """A network with its weights, ready on a device."""

    name: str
    dim: int  # length of an embedding
    input_size: int  # pixels; pictures are squares of this side
    revision: str  # names the embeddings: two are comparable only where it is the same
    weights: Path  # absolute, as loaded
    weights_sha256: str  # hex
    device: str  # cpu | gpu
    engine: str  # what runs it, for people: OpenVINO, TensorFlow, JAX or PyTorch
    forward: Portions  # one picture or more, not normalised

    def embed(self, pictures: PixelBatch) -> Vectors:
        """Embed pictures that were already resized to the network's input.

        Args:
            pictures: uint8, shape (n, input_size, input_size, 3), RGB, any n; not written to.

        Returns:
            float32, shape (n, dim), each row of unit length. A row does not depend on the other
            pictures of its batch.

        Raises:
            ValueError: another shape or dtype, or an embedding without direction (all zero).
        """
        self._check(pictures)
        if not len(pictures):
            return np.zeros((0, self.dim), np.float32)
        return l2_normalize(self.forward(pictures))

    def embed_usable(self, pictures: PixelBatch) -> Iterator[tuple[Vectors, npt.NDArray[np.bool_]]]:
        """Embed pictures a portion at a time; takes and raises what `embed` does otherwise.

        Yields:
            For each portion, in order: unit vectors, float32 (m, dim), of those pictures whose
            embedding has a direction, and for each of its pictures whether it is among them.
        """
        self._check(pictures)
        for vectors in self.forward.each(pictures):
            yield unit_rows(vectors)

    def _check(self, pictures: PixelBatch) -> None:
        side = self.input_size
        if pictures.dtype != np.uint8 or pictures.shape[1:] != (side, side, 3):
            raise ValueError(
                f"{self.name} takes uint8 pictures of shape (n, {side}, {side}, 3), "
                f"not {pictures.dtype} of shape {pictures.shape}."
            )
