"""What the description of a Keras network may name: Keras's own parts that only calculate.

It is checked before Keras reads it.
"""

from __future__ import annotations

from typing import Any

from model.language import gettext as _

MAX_NUMBER = 65_536  # units, pixels, filters: no network for pictures needs a larger one
MAX_TEXT = 4096
MAX_DEPTH = 60
MAX_PARTS = 200_000  # values in the whole description
LARGE_KEYS = {"seed", "shared_object_id", "thread_id"}  # numbers that size nothing


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
OPERATIONS = words(
    """
    Absolute Add Clip Concatenate Divide Exp ExpandDims GetItem Log Max Maximum Mean Min Minimum Multiply Negative Power
    Reshape Sqrt Square Squeeze Subtract Sum Transpose TrueDivide
    Relu Relu6 Sigmoid Silu Softmax LogSoftmax Gelu Elu Selu LeakyRelu HardSigmoid HardSilu Tanh Softplus Softsign
    AveragePool MaxPool Conv DepthwiseConv Cast
    """
)
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
    "keras.src.ops.numpy": OPERATIONS,
    "keras.src.ops.nn": OPERATIONS,
    "keras.src.ops.core": OPERATIONS,
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


class NotAllowed(ValueError):
    """A description that names something which is not one of Keras's calculating parts, or is beyond the limits."""


def check_network(description: Any) -> None:
    """Hold the description of a network, as read from JSON, against the lists above. Raises NotAllowed."""
    if not isinstance(description, dict) or description.get("class_name") not in NETWORKS:
        raise NotAllowed(_("it does not describe a Keras network"))
    # How the network was trained is never read: it is loaded without it.
    check({key: value for key, value in description.items() if key != "compile_config"}, "", 0, [0])


def check(value: Any, key: str, depth: int, count: list[int]) -> None:
    count[0] += 1
    if depth > MAX_DEPTH or count[0] > MAX_PARTS:
        raise NotAllowed(_("its description is too large or too deeply nested"))
    if isinstance(value, dict):
        check_part(value)
        for name, inner in value.items():
            check(inner, str(name), depth + 1, count)
    elif isinstance(value, list):
        for inner in value:
            check(inner, key, depth + 1, count)
    elif isinstance(value, str):
        check_text(value, key)
    elif isinstance(value, int) and abs(value) > MAX_NUMBER and key not in LARGE_KEYS:
        raise NotAllowed(
            _("{key} is {value}; up to {max_number} is taken").format(
                key=key or _("a value"), value=value, max_number=MAX_NUMBER
            )
        )


def check_part(part: dict[str, Any]) -> None:
    """A dictionary that names a class may only name an allowed one, under the module that holds it."""
    if part.get("registered_name") and ">" in str(part["registered_name"]):
        raise NotAllowed(
            _("it uses the custom object {part}, which would need code of its maker").format(
                part=shown(part["registered_name"])
            )
        )
    if "class_name" not in part:
        if "module" in part or "registered_name" in part:
            raise NotAllowed(_("it names the module {module} without a class").format(module=shown(part.get("module"))))
        return
    name, module = part["class_name"], part.get("module")
    if name == "Lambda" or name == "__lambda__":
        raise NotAllowed(_("it has a Lambda layer, which holds code of its maker"))
    known = WITHOUT_MODULE if module is None else MODULES.get(module, frozenset()) if isinstance(module, str) else ()
    if not isinstance(name, str) or name not in known:
        where = _(" of {module}").format(module=shown(module)) if module else ""
        raise NotAllowed(
            _("it uses {name}{where}, which is not one of the Keras parts that are taken").format(
                name=shown(name), where=where
            )
        )
    if part.get("registered_name") not in (None, name):
        raise NotAllowed(
            _("it calls {name} by another name, {part}").format(name=shown(name), part=shown(part["registered_name"]))
        )
    if part.get("compile_config"):
        raise NotAllowed(
            _("its inner network {name} says how it was trained, which is not read").format(name=shown(name))
        )


def check_text(text: str, key: str) -> None:
    if len(text) > MAX_TEXT:
        raise NotAllowed(
            _("{key} has {count} characters; up to {max_text} are taken").format(
                key=key or _("a text"), count=len(text), max_text=MAX_TEXT
            )
        )
    if key.endswith("activation") and text not in ACTIVATIONS:
        raise NotAllowed(_("it uses the activation {text}, which is not one of Keras's").format(text=shown(text)))


def shown(value: Any) -> str:
    """A name from a stranger's file, short enough for a sentence."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
