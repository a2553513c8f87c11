"""The allowlist of what the description of a Keras network may name: Keras's own classes that only calculate.

The description is checked before Keras reads it.
"""

from __future__ import annotations

from typing import Any

from model.common.errors import UnsafeModelError
from model.i18n.translations import gettext as _

_MAX_NUMBER = 65_536  # units, pixels, filters: no image network needs more
MAX_SIDE = 2**28  # in a shape, which allocates nothing itself; VGG flattens to a width of 100,352
_MAX_TEXT = 4096
_MAX_DEPTH = 60
_MAX_VALUES = 200_000  # in the whole description
_LARGE_KEYS = {"seed", "shared_object_id", "thread_id"}  # numbers that are not sizes
_SHAPES = {"shape", "batch_shape", "batch_input_shape", "build_input_shape", "input_shape", "target_shape", "newshape"}
# How a network was built, compiled and trained: never passed to Keras, which builds from the settings of the layers.
_RECORD_KEYS = {"build_config", "compile_config", "training_config"}


def word_set(text: str) -> frozenset[str]:
    """Return the words of a text as a set."""
    return frozenset(text.split())


LAYERS = word_set(
    """
    InputLayer Dense EinsumDense Activation Identity Masking Embedding
    Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose Conv3DTranspose DepthwiseConv1D DepthwiseConv2D
    SeparableConv1D SeparableConv2D
    MaxPooling1D MaxPooling2D MaxPooling3D AveragePooling1D AveragePooling2D AveragePooling3D
    GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D
    GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D
    AdaptiveAveragePooling2D AdaptiveMaxPooling2D
    BatchNormalization GroupNormalization LayerNormalization RMSNormalization UnitNormalization SpectralNormalization
    Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D AlphaDropout GaussianDropout GaussianNoise
    ActivityRegularization
    Flatten Permute RepeatVector Reshape Cropping1D Cropping2D Cropping3D
    UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D
    Add Average Concatenate Dot Maximum Minimum Multiply Subtract
    ELU LeakyReLU PReLU ReLU Softmax
    Attention AdditiveAttention MultiHeadAttention GroupQueryAttention
    LSTM GRU SimpleRNN ConvLSTM1D ConvLSTM2D ConvLSTM3D TimeDistributed Bidirectional
    Normalization Rescaling Resizing CenterCrop
    RandomFlip RandomRotation RandomTranslation RandomZoom RandomContrast RandomBrightness RandomCrop RandomShear
    RandomHue RandomSaturation RandomErasing RandomGrayscale RandomColorJitter RandomSharpness RandomPerspective
    RandomGaussianBlur RandomInvert RandomPosterization RandomElasticTransform RandomColorDegeneration RandAugment
    AugMix
    """
)
NETWORKS = frozenset({"Functional", "Sequential", "Model"})
INITIALIZERS = word_set(
    """
    Zeros Ones Constant Identity Orthogonal RandomNormal RandomUniform TruncatedNormal VarianceScaling
    GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform
    """
)
REGULARIZERS = frozenset({"L1", "L2", "L1L2", "OrthogonalRegularizer"})
CONSTRAINTS = frozenset({"MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"})
_POLICIES = frozenset({"DTypePolicy", "Policy"})
# Arithmetic between layers, such as x / 255 - 1. In Keras's files an operation names the module that defines it.
OPERATIONS: dict[str, frozenset[str]] = {
    "keras.src.ops.numpy": word_set(
        """
        Absolute Add Ceil Clip Concatenate Divide Exp ExpandDims Flip Floor GetItem Log Log1p Max Maximum
        Mean Min Minimum Multiply Negative Power Repeat Reshape Split Sqrt Square Squeeze Stack Std Subtract Sum Take
        Tanh Tile Transpose TrueDivide Var
        """
    ),
    "keras.src.ops.nn": word_set(
        """
        AveragePool Conv DepthwiseConv Elu Gelu HardSigmoid HardSilu LeakyRelu LogSoftmax MaxPool Relu Relu6 Selu
        Sigmoid Silu Softmax Softplus Softsign
        """
    ),
    "keras.src.ops.core": frozenset({"Cast", "StopGradient", "Unstack"}),
    "keras.src.ops.math": frozenset({"Rsqrt"}),
    "keras.src.ops.image": frozenset({"Resize", "RGBToGrayscale"}),
}
# Wrappers for special values: they hold numbers, shapes and names, but no code.
_VALUE_CLASSES = frozenset(
    {"__keras_tensor__", "__numpy__", "__tensor__", "__ellipsis__", "__slice__", "__tuple__", "TensorShape"}
)

_CLASSES_BY_MODULE: dict[str, frozenset[str]] = {
    "keras.layers": LAYERS,
    "keras.initializers": INITIALIZERS,
    "keras.regularizers": REGULARIZERS,
    "keras.constraints": CONSTRAINTS,
    "keras": NETWORKS | _POLICIES,
    "keras.models": NETWORKS,
    "keras.src.models.functional": NETWORKS,
    "keras.src.models.sequential": NETWORKS,
    "keras.src.models.model": NETWORKS,
    "keras.dtype_policies": _POLICIES,
    # Layers defined by networks of keras.applications.
    "keras.src.applications.convnext": frozenset({"LayerScale", "StochasticDepth"}),
    "keras.src.applications.inception_resnet_v2": frozenset({"CustomScaleLayer"}),
    **OPERATIONS,
}
# Keras 2 did not write the module.
_CLASSES_WITHOUT_MODULE = _VALUE_CLASSES | LAYERS | NETWORKS | INITIALIZERS | REGULARIZERS | CONSTRAINTS | _POLICIES

ACTIVATIONS = word_set(
    """
    celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear log_sigmoid
    log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparsemax
    squareplus swish tanh tanh_shrink threshold
    """
)


def check_network(description: Any) -> None:
    """Check the description of a network, parsed from JSON, against the allowlist.

    `strip_records` must have removed the records of how the network was made.

    Raises:
        UnsafeModelError: It names something that is not allowed, or exceeds a limit.
    """
    if not isinstance(description, dict) or description.get("class_name") not in NETWORKS:
        raise UnsafeModelError(_("it does not describe a Keras network"))
    check_size(description)
    _check_value(description, "")


def check_size(value: Any, depth: int = 0, count: list[int] | None = None) -> None:
    """Raise UnsafeModelError for JSON with more values or deeper nesting than any real network has."""
    count = [0] if count is None else count
    count[0] += 1
    if depth > _MAX_DEPTH or count[0] > _MAX_VALUES:
        raise UnsafeModelError(_("its description is too large or too deeply nested"))
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        check_size(inner, depth + 1, count)


def strip_records(value: Any) -> Any:
    """Remove the records of how each part was built, compiled and trained, at any depth.

    Keras would build and compile by them. Only a Sequential without an input keeps its input shape, which is stored
    nowhere else.
    """
    if isinstance(value, list):
        return [strip_records(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    records = _RECORD_KEYS if "class_name" in value else frozenset()
    part = {key: strip_records(inner) for key, inner in value.items() if key not in records}
    shape = value.get("build_config")
    if _lacks_input(value) and isinstance(shape, dict) and set(shape) == {"input_shape"}:
        part["build_config"] = shape
    return part


def _lacks_input(part: dict[str, Any]) -> bool:
    """Return whether a part is a Sequential that does not begin with an input layer."""
    config = part.get("config")
    layers = config.get("layers") if isinstance(config, dict) else None
    if part.get("class_name") != "Sequential" or not isinstance(layers, list) or not layers:
        return False
    return not isinstance(layers[0], dict) or layers[0].get("class_name") != "InputLayer"


def _check_value(value: Any, key: str) -> None:
    if isinstance(value, dict):
        _check_class(value)
        for name, inner in value.items():
            _check_value(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            _check_value(inner, key)
    elif isinstance(value, str):
        _check_text(value, key)
    elif isinstance(value, int):
        _check_number(value, key)


def _check_number(value: int, key: str) -> None:
    limit = MAX_SIDE if key in _SHAPES else _MAX_NUMBER
    if abs(value) > limit and key not in _LARGE_KEYS:
        raise UnsafeModelError(
            _("{key} is {value}; up to {max_number} is taken").format(
                key=key or _("a value"), value=short_repr(value), max_number=limit
            )
        )


def _check_class(part: dict[str, Any]) -> None:
    """Check that a dictionary that names a class names an allowed one in its proper module."""
    if part.get("registered_name") and ">" in str(part["registered_name"]):
        raise UnsafeModelError(
            _("it uses the custom object {part}, which would need code of its maker").format(
                part=short_repr(part["registered_name"])
            )
        )
    if "class_name" not in part:
        if "module" in part or "registered_name" in part:
            raise UnsafeModelError(
                _("it names the module {module} without a class").format(module=short_repr(part.get("module")))
            )
        return
    name, module = part["class_name"], part.get("module")
    if name == "Lambda" or name == "__lambda__":
        raise UnsafeModelError(_("it has a Lambda layer, which holds code of its maker"))
    known = (
        _CLASSES_WITHOUT_MODULE
        if module is None
        else _CLASSES_BY_MODULE.get(module, frozenset())
        if isinstance(module, str)
        else ()
    )
    if not isinstance(name, str) or name not in known:
        where = _(" of {module}").format(module=short_repr(module)) if module else ""
        raise UnsafeModelError(
            _("it uses {name}{where}, which is not one of the Keras parts that are taken").format(
                name=short_repr(name), where=where
            )
        )
    if part.get("registered_name") not in (None, name):
        raise UnsafeModelError(
            _("it calls {name} by another name, {part}").format(
                name=short_repr(name), part=short_repr(part["registered_name"])
            )
        )


def _check_text(text: str, key: str) -> None:
    if len(text) > _MAX_TEXT:
        raise UnsafeModelError(
            _("{key} has {count} characters; up to {max_text} are taken").format(
                key=key or _("a text"), count=len(text), max_text=_MAX_TEXT
            )
        )
    if key.endswith("activation") and text not in ACTIVATIONS:
        raise UnsafeModelError(
            _("it uses the activation {text}, which is not one of Keras's").format(text=short_repr(text))
        )


def short_repr(value: Any) -> str:
    """Return a value from an untrusted file in a form short enough for a message."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
