"""A Keras network as one TensorFlow graph with its weights inside, which other engines can read."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from imgsim.backbones.base import KerasModel


def write_frozen_graph(model: KerasModel, path: Path) -> None:
    """Write a network, uint8 (n, s, s, 3) -> float32 (n, dim), as a GraphDef without variables.

    Not by SavedModel, whose variables OpenVINO fails to find in many of keras.applications'
    networks. The conversion is TensorFlow's own (convert_variables_to_constants_v2), which it
    keeps for its lite converter.
    """
    tf = import_module("tensorflow")
    freezing = import_module("tensorflow.python.framework.convert_to_constants")
    signature = tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8)
    graph = tf.function(lambda pictures: model(pictures, training=False), autograph=False)
    frozen = freezing.convert_variables_to_constants_v2(graph.get_concrete_function(signature))
    path.write_bytes(frozen.graph.as_graph_def().SerializeToString())
