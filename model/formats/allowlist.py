"""What the description of a Keras network may name: Keras's own parts that only calculate.

It is checked before Keras reads it.
"""

from __future__ import annotations

from typing import Any

from model.common.errors import UnsafeModelError
from model.i18n.translations import gettext as _

MAX_NUMBER = 65_536  # units, pixels, filters: no network for pictures needs a larger one
MAX_SIDE = 2**28  # of a shape, which makes no numbers by itself: what 224 x 224 pixels are flattened to is 100,352 wide
MAX_TEXT = 4096
MAX_DEPTH = 60
MAX_PARTS = 200_000  # values in the whole description
LARGE_KEYS = {"seed", "shared_object_id", "thread_id"}  # numbers that size nothing
SHAPES = {"shape", "batch_shape", "batch_input_shape", "build_input_shape", "input_shape", "target_shape", "newshape"}
# How a network was built, compiled and trained. Nothing of it is read: a network is built by its layers' settings.
RECORDS = {"build_config", "compile_config", "training_config"}


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LAYERS = words(
    """
    InputLayer Dense Activation Identity Masking Embedding
    Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose Conv3DTranspose DepthwiseConv1D DepthwiseConv2D
    SeparableConv1D SeparableConv2D
    MaxPooling1D MaxPooling2D MaxPooling3D AveragePooling1D AveragePooling2D AveragePooling3D
    GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D
    GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D
    AdaptiveAveragePooling2D AdaptiveMaxPooling2D
    BatchNormalization GroupNormalization LayerNormalization RMSNormalization UnitNormalization SpectralNormalization
    Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D AlphaDropout GaussianDropout GaussianNoise
    ActivityRegularization
    Flatten Permute RepeatVector Reshape Cropping1D Cropping2D UpSampling1D UpSampling2D ZeroPadding1D ZeroPadding2D
    Add Average Concatenate Dot Maximum Minimum Multiply Subtract
    ELU LeakyReLU PReLU ReLU Softmax
    Attention AdditiveAttention MultiHeadAttention GroupQueryAttention
    LSTM GRU SimpleRNN TimeDistributed Bidirectional
    Normalization Rescaling Resizing CenterCrop
    RandomFlip RandomRotation RandomTranslation RandomZoom RandomContrast RandomBrightness RandomCrop RandomShear
    RandomHue RandomSaturation RandomErasing RandomGrayscale RandomColorJitter RandomSharpness
    """
)
NETWORKS = frozenset({"Functional", "Sequential", "Model"})
INITIALIZERS = words(
    """
    Zeros Ones Constant Identity Orthogonal RandomNormal RandomUniform TruncatedNormal VarianceScaling
    GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform
    """
)
REGULARIZERS = frozenset({"L1", "L2", "L1L2", "OrthogonalRegularizer"})
CONSTRAINTS = frozenset({"MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"})
POLICIES = frozenset({"DTypePolicy", "Policy"})
# Arithmetic between layers, as in x / 255 - 1; in Keras's own files an operation names the module it is defined in.
OPERATIONS: dict[str, frozenset[str]] = {
    "keras.src.ops.numpy": words(
        """
        Absolute Add Ceil Clip Concatenate Divide Exp ExpandDims Flip Floor GetItem Log Log1p Max Maximum
        Mean Min Minimum Multiply Negative Power Repeat Reshape Split Sqrt Square Squeeze Stack Std Subtract Sum Take
        Tanh Tile Transpose TrueDivide Var
        """
    ),
    "keras.src.ops.nn": words(
        """
        AveragePool Conv DepthwiseConv Elu Gelu HardSigmoid HardSilu LeakyRelu LogSoftmax MaxPool Relu Relu6 Selu
        Sigmoid Silu Softmax Softplus Softsign
        """
    ),
    "keras.src.ops.core": frozenset({"Cast", "StopGradient", "Unstack"}),
    "keras.src.ops.math": frozenset({"Rsqrt"}),
    "keras.src.ops.image": frozenset({"Resize", "RGBToGrayscale"}),
}
# Values of other kinds that Keras wraps: they hold numbers, shapes and names, and no code.
VALUES = frozenset(
    {"__keras_tensor__", "__numpy__", "__tensor__", "__ellipsis__", "__slice__", "__tuple__", "TensorShape"}
)

MODULES: dict[str, frozenset[str]] = {
    "keras.layers": LAYERS,
    "keras.initializers": INITIALIZERS,
    "keras.regularizers": REGULARIZERS,
    "keras.constraints": CONSTRAINTS,
    "keras": NETWORKS | POLICIES,
    "keras.models": NETWORKS,
    "keras.src.models.functional": NETWORKS,
    "keras.src.models.sequential": NETWORKS,
    "keras.src.models.model": NETWORKS,
    "keras.dtype_policies": POLICIES,
    # Layers that networks of keras.applications bring along.
    "keras.src.applications.convnext": frozenset({"LayerScale", "StochasticDepth"}),
    "keras.src.applications.inception_resnet_v2": frozenset({"CustomScaleLayer"}),
    **OPERATIONS,
}
# Keras 2 wrote no module.
WITHOUT_MODULE = VALUES | LAYERS | NETWORKS | INITIALIZERS | REGULARIZERS | CONSTRAINTS | POLICIES

ACTIVATIONS = words(
    """
    celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear log_sigmoid
    log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparsemax
    squareplus swish tanh tanh_shrink threshold
    """
)


def check_network(description: Any) -> None:
    """Hold the description of a network, as read from JSON, against the lists above. Raises UnsafeModelError.

    The records in it of how the network was made are taken out first, by `without_records`.
    """
    if not isinstance(description, dict) or description.get("class_name") not in NETWORKS:
        raise UnsafeModelError(_("it does not describe a Keras network"))
    check_size(description)
    check(description, "")


def check_size(value: Any, depth: int = 0, count: list[int] | None = None) -> None:
    """Raises UnsafeModelError for JSON with more values or deeper nesting than a network's description has."""
    count = [0] if count is None else count
    count[0] += 1
    if depth > MAX_DEPTH or count[0] > MAX_PARTS:
        raise UnsafeModelError(_("its description is too large or too deeply nested"))
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        check_size(inner, depth + 1, count)


def without_records(value: Any) -> Any:
    """A description without what its parts say of how they were built, compiled and trained, at any depth.

    Keras would build and compile by it: it is left out of what Keras gets. A sequence of layers that has
    no input keeps the shape that it was built for, which it says nowhere else.
    """
    if isinstance(value, list):
        return [without_records(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    records = RECORDS if "class_name" in value else frozenset()
    part = {key: without_records(inner) for key, inner in value.items() if key not in records}
    shape = value.get("build_config")
    if lacks_input(value) and isinstance(shape, dict) and set(shape) == {"input_shape"}:
        part["build_config"] = shape
    return part


def lacks_input(part: dict[str, Any]) -> bool:
    """Whether a part is a sequence of layers that does not begin with an input."""
    config = part.get("config")
    layers = config.get("layers") if isinstance(config, dict) else None
    if part.get("class_name") != "Sequential" or not isinstance(layers, list) or not layers:
        return False
    return not isinstance(layers[0], dict) or layers[0].get("class_name") != "InputLayer"


def check(value: Any, key: str) -> None:
    if isinstance(value, dict):
        check_part(value)
        for name, inner in value.items():
            check(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            check(inner, key)
    elif isinstance(value, str):
        check_text(value, key)
    elif isinstance(value, int):
        check_number(value, key)


def check_number(value: int, key: str) -> None:
    limit = MAX_SIDE if key in SHAPES else MAX_NUMBER
    if abs(value) > limit and key not in LARGE_KEYS:
        raise UnsafeModelError(
            _("{key} is {value}; up to {max_number} is taken").format(
                key=key or _("a value"), value=shown(value), max_number=limit
            )
        )


def check_part(part: dict[str, Any]) -> None:
    """A dictionary that names a class may only name an allowed one, under the module that holds it."""
    if part.get("registered_name") and ">" in str(part["registered_name"]):
        raise UnsafeModelError(
            _("it uses the custom object {part}, which would need code of its maker").format(
                part=shown(part["registered_name"])
            )
        )
    if "class_name" not in part:
        if "module" in part or "registered_name" in part:
            raise UnsafeModelError(
                _("it names the module {module} without a class").format(module=shown(part.get("module")))
            )
        return
    name, module = part["class_name"], part.get("module")
    if name == "Lambda" or name == "__lambda__":
        raise UnsafeModelError(_("it has a Lambda layer, which holds code of its maker"))
    known = WITHOUT_MODULE if module is None else MODULES.get(module, frozenset()) if isinstance(module, str) else ()
    if not isinstance(name, str) or name not in known:
        where = _(" of {module}").format(module=shown(module)) if module else ""
        raise UnsafeModelError(
            _("it uses {name}{where}, which is not one of the Keras parts that are taken").format(
                name=shown(name), where=where
            )
        )
    if part.get("registered_name") not in (None, name):
        raise UnsafeModelError(
            _("it calls {name} by another name, {part}").format(name=shown(name), part=shown(part["registered_name"]))
        )


def check_text(text: str, key: str) -> None:
    if len(text) > MAX_TEXT:
        raise UnsafeModelError(
            _("{key} has {count} characters; up to {max_text} are taken").format(
                key=key or _("a text"), count=len(text), max_text=MAX_TEXT
            )
        )
    if key.endswith("activation") and text not in ACTIVATIONS:
        raise UnsafeModelError(_("it uses the activation {text}, which is not one of Keras's").format(text=shown(text)))


def shown(value: Any) -> str:
    """A name from a stranger's file, short enough for a sentence."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
