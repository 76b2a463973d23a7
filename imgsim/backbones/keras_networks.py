"""What keras.applications has: a row for each network that Keras publishes ImageNet weights of.

Accuracies (ImageNet validation, top 1, per cent) are those of Keras' documentation: the table of
https://keras.io/api/applications and, for narrower and minimalistic MobileNets, that of each
module. Dimensions and parameters are without the classifier; a test compares them with Keras.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Network(NamedTuple):
    """A constructor of keras.applications and its weights."""

    name: str
    constructor: str  # keras.applications.<constructor>
    module: str  # keras.applications.<module>.preprocess_input
    input_size: int  # pixels
    dim: int
    parameters: int
    top1: float  # per cent
    weights_file: str  # what Keras calls the download that goes without classifier
    options: Mapping[str, float] = {}  # for the constructor


def _ordered(
    name: str, constructor: str, module: str, side: int, dim: int, parameters: int, top1: float
) -> Network:
    stem = name if name.startswith("inception") else constructor.lower()
    file = f"{stem}_weights_tf_dim_ordering_tf_kernels_notop.h5"
    return Network(name, constructor, module, side, dim, parameters, top1, file)


def _nasnet(size: str, side: int, dim: int, parameters: int, top1: float) -> Network:
    name, constructor = f"nasnet_{size.lower()}", f"NASNet{size}"
    file = f"{name}_no_top.h5"
    return Network(name, constructor, "nasnet", side, dim, parameters, top1, file)


def _mobilenet(alpha: float, dim: int, parameters: int, top1: float) -> Network:
    width = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}[alpha]
    name, options = _at_width("mobilenet", alpha)
    file = f"mobilenet_{width}_224_tf_no_top.h5"
    return Network(name, "MobileNet", "mobilenet", 224, dim, parameters, top1, file, options)


def _mobilenet_v2(alpha: float, dim: int, parameters: int, top1: float) -> Network:
    name, options = _at_width("mobilenet_v2", alpha)
    file = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_224_no_top.h5"
    return Network(name, "MobileNetV2", "mobilenet_v2", 224, dim, parameters, top1, file, options)


def _mobilenet_v3(
    size: str, dim: int, parameters: int, top1: float, *, alpha: float = 1.0, minimal: bool = False
) -> Network:
    kind = f"{size.lower()}_minimalistic" if minimal else size.lower()
    name, options = _at_width(f"mobilenet_v3_{kind}", alpha)
    constructor, module = f"MobileNetV3{size}", "mobilenet_v3"
    file = f"weights_mobilenet_v3_{kind}_224_{alpha}_float_no_top_v2.h5"
    options |= {"minimalistic": True} if minimal else {}
    return Network(name, constructor, module, 224, dim, parameters, top1, file, options)


def _at_width(name: str, alpha: float) -> tuple[str, dict[str, float]]:
    return (name, {}) if alpha == 1 else (f"{name}_{round(100 * alpha):03d}", {"alpha": alpha})


def _efficientnet(scale: str, side: int, dim: int, parameters: int, top1: float) -> Network:
    name, constructor = f"efficientnet_{scale.lower()}", f"EfficientNet{scale}"
    file = f"efficientnet{scale.lower()}_notop.h5"
    return Network(name, constructor, "efficientnet", side, dim, parameters, top1, file)


def _efficientnet_v2(scale: str, side: int, dim: int, parameters: int, top1: float) -> Network:
    name, constructor = f"efficientnet_v2_{scale.lower()}", f"EfficientNetV2{scale}"
    file = f"efficientnetv2-{scale.lower()}_notop.h5"
    return Network(name, constructor, "efficientnet_v2", side, dim, parameters, top1, file)


def _convnext(scale: str, dim: int, parameters: int, top1: float) -> Network:
    name, constructor = f"convnext_{scale.lower()}", f"ConvNeXt{scale}"
    file = f"{name}_notop.h5"
    return Network(name, constructor, "convnext", 224, dim, parameters, top1, file)


NETWORKS = (
    _ordered("vgg16", "VGG16", "vgg16", 224, 512, 14_714_688, 71.3),
    _ordered("vgg19", "VGG19", "vgg19", 224, 512, 20_024_384, 71.3),
    _ordered("resnet50", "ResNet50", "resnet50", 224, 2048, 23_587_712, 74.9),
    _ordered("resnet101", "ResNet101", "resnet", 224, 2048, 42_658_176, 76.4),
    _ordered("resnet152", "ResNet152", "resnet", 224, 2048, 58_370_944, 76.6),
    _ordered("resnet50_v2", "ResNet50V2", "resnet_v2", 224, 2048, 23_564_800, 76.0),
    _ordered("resnet101_v2", "ResNet101V2", "resnet_v2", 224, 2048, 42_626_560, 77.2),
    _ordered("resnet152_v2", "ResNet152V2", "resnet_v2", 224, 2048, 58_331_648, 78.0),
    _ordered("inception_v3", "InceptionV3", "inception_v3", 299, 2048, 21_802_784, 77.9),
    _ordered(
        "inception_resnet_v2",
        "InceptionResNetV2",
        "inception_resnet_v2",
        299,
        1536,
        54_336_736,
        80.3,
    ),
    _ordered("xception", "Xception", "xception", 299, 2048, 20_861_480, 79.0),
    _ordered("densenet121", "DenseNet121", "densenet", 224, 1024, 7_037_504, 75.0),
    _ordered("densenet169", "DenseNet169", "densenet", 224, 1664, 12_642_880, 76.2),
    _ordered("densenet201", "DenseNet201", "densenet", 224, 1920, 18_321_984, 77.3),
    _nasnet("Mobile", 224, 1056, 4_269_716, 74.4),
    _nasnet("Large", 331, 4032, 84_916_818, 82.5),
    _mobilenet(0.25, 256, 218_544, 50.6),
    _mobilenet(0.5, 512, 829_536, 63.7),
    _mobilenet(0.75, 768, 1_832_976, 68.4),
    _mobilenet(1.0, 1024, 3_228_864, 70.4),
    _mobilenet_v2(0.35, 1280, 410_208, 60.3),
    _mobilenet_v2(0.5, 1280, 706_224, 65.4),
    _mobilenet_v2(0.75, 1280, 1_382_064, 69.8),
    _mobilenet_v2(1.0, 1280, 2_257_984, 71.3),
    _mobilenet_v2(1.3, 1664, 3_766_048, 74.4),
    _mobilenet_v2(1.4, 1792, 4_363_712, 75.0),
    _mobilenet_v3("Small", 576, 939_120, 68.1),
    _mobilenet_v3("Small", 432, 583_160, 65.4, alpha=0.75),
    _mobilenet_v3("Small", 576, 441_000, 61.9, minimal=True),
    _mobilenet_v3("Large", 960, 2_996_352, 75.6),
    _mobilenet_v3("Large", 720, 1_808_736, 73.3, alpha=0.75),
    _mobilenet_v3("Large", 960, 1_437_608, 72.3, minimal=True),
    _efficientnet("B0", 224, 1280, 4_049_571, 77.1),
    _efficientnet("B1", 240, 1280, 6_575_239, 79.1),
    _efficientnet("B2", 260, 1408, 7_768_569, 80.1),
    _efficientnet("B3", 300, 1536, 10_783_535, 81.6),
    _efficientnet("B4", 380, 1792, 17_673_823, 82.9),
    _efficientnet("B5", 456, 2048, 28_513_527, 83.6),
    _efficientnet("B6", 528, 2304, 40_960_143, 84.0),
    _efficientnet("B7", 600, 2560, 64_097_687, 84.3),
    _efficientnet_v2("B0", 224, 1280, 5_919_312, 78.7),
    _efficientnet_v2("B1", 240, 1280, 6_931_124, 79.8),
    _efficientnet_v2("B2", 260, 1408, 8_769_374, 80.5),
    _efficientnet_v2("B3", 300, 1536, 12_930_622, 82.0),
    _efficientnet_v2("S", 384, 1280, 20_331_360, 83.9),
    _efficientnet_v2("M", 480, 1280, 53_150_388, 85.3),
    _efficientnet_v2("L", 480, 1280, 117_746_848, 85.7),
    _convnext("Tiny", 768, 27_820_128, 81.3),
    _convnext("Small", 768, 49_454_688, 82.3),
    _convnext("Base", 1024, 87_566_464, 85.3),
    _convnext("Large", 1536, 196_230_336, 86.3),
    _convnext("XLarge", 2048, 348_147_968, 86.7),
)
