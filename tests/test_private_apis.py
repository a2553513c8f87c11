"""What is used of packages although they do not promise it: one table, and a check each that fails when it moves."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests import unpromised
from tests.unpromised import sources

# Of SQLAlchemy's rows, of named tuples and of os: their makers document them.
PROMISED = {"_mapping", "_replace", "_exit"}


@dataclass(frozen=True)
class Private:
    """where: the modules that use it; check: raises anything but None where it is no longer what they take it for."""

    where: tuple[str, ...]
    why: str
    check: Callable[[], object]


TABLE = {
    "_keras_history": Private(
        ("model.formats.class_output", "model.networks.backbones", "training.engine.learning_without_forgetting"),
        "the way back from a network's answer to its last activation, and from its logits to its features",
        unpromised.keras_history,
    ),
    "_objects.phil": Private(
        ("model.common.keras_import",), "h5py's lock, which a process takes before it ends", unpromised.h5py_lock
    ),
    "_inbound_nodes": Private(
        ("model.formats.class_output", "model.networks.flops"), "what an operation was given", unpromised.inbound_nodes
    ),
    "_functional": Private(("model.formats.graph",), "a Sequential keeps its graph there", unpromised.functional),
    "_nodes_by_depth": Private(
        ("model.formats.graph",), "a network's operations in their order", unpromised.nodes_by_depth
    ),
    "_flatten_layers": Private(
        ("model.formats.keras2.weights",),
        "a network's layers and those of the networks inside it",
        unpromised.flatten_layers,
    ),
    "_get_variable_index": Private(
        ("training.engine.optimizer",), "the momentum of a kernel that Muon steps", unpromised.variable_index
    ),
    'name == "beta"': Private(
        ("training.engine.optimizer",), "a normalisation's bias has a rate of its own", unpromised.variable_index
    ),
    "keras.callbacks.EarlyStopping": Private(
        ("training.engine.callbacks",),
        "the names of what it remembers, which a checkpoint holds",
        unpromised.early_stopping,
    ),
    "keras.src": Private(
        ("model.formats.allowlist", "model.formats.keras2.functions", "model.formats.keras2.configuration"),
        "saved networks name Keras's classes by the modules that they are in",
        unpromised.names_in_saved_files,
    ),
    "_experimental_calibrate_only": Private(
        ("model.export.quantization",),
        "between calibrating and quantizing is named what stays float32",
        unpromised.converter,
    ),
    "mlir_quantize": Private(
        ("model.export.quantization",), "the second half of the conversion to int8", unpromised.quantizer
    ),
    "flatbuffer_utils": Private(
        ("model.export.bias_correction", "model.export.feature_output", "model.export.float_tail"),
        "reads and writes a .tflite file as objects",
        unpromised.flatbuffer_files,
    ),
    "schema_py_generated": Private(
        (
            "model.formats.tflite_operations",
            "model.export.bias_correction",
            "model.export.feature_output",
            "model.export.float_tail",
            "model.intake.tflite_preprocessing",
        ),
        "the words of a .tflite file",
        unpromised.schema,
    ),
    "get_script_run_ctx": Private(
        ("dashboard.services.visitor_language",), "whether a visitor's page is being drawn", unpromised.run_context
    ),
    'data-testid="stFileUploaderDropzoneInput"': Private(
        ("dashboard.components.clipboard",),
        "a pasted picture goes in there",
        unpromised.in_streamlits_page("`stFileUploaderDropzoneInput`"),
    ),
    ".stMainBlockContainer": Private(
        ("dashboard.components.css", "dashboard.views.teach"),
        "the page's width",
        unpromised.in_streamlits_page(r"className:`stMainBlockContainer\b"),
    ),
    'data-testid="stCaptionContainer"': Private(
        ("dashboard.components.css",),
        "captions that are dark enough to read",
        unpromised.in_streamlits_page("`stCaptionContainer`"),
    ),
    'data-testid="stBaseButton-primary"': Private(
        ("dashboard.components.css",),
        "a main button's contrast",
        unpromised.in_streamlits_page(r"`stBaseButton-(primary`|\$\{)"),
    ),
    'data-testid="stFileUploaderDropzone"': Private(
        ("benchmarks.browser",), "pictures are dropped there", unpromised.in_streamlits_page("`stFileUploaderDropzone`")
    ),
    'data-testid="stSkeleton"': Private(
        ("benchmarks.page",), "stands where the page is not ready", unpromised.in_streamlits_page("`stSkeleton`")
    ),
    "data-stale": Private(
        ("benchmarks.page",), "marks what is drawn anew", unpromised.in_streamlits_page('"data-stale"')
    ),
    'scope.get("route")': Private(
        ("api.metrics",), "the route that a request was counted for", unpromised.route_in_scope
    ),
    '"--none", "--log"': Private(
        ("dashboard.services.ngrok_agents",),
        "ngrok's agents are known by what pyngrok starts them with",
        unpromised.agents_command_line,
    ),
    "image.tile": Private(("model.images.bit_depth",), "how Pillow is going to read a picture", unpromised.tile),
    "warnings.filters": Private(
        ("model.common.keras_import",), "whether a warning is passed over already", unpromised.filters
    ),
}
# Modules whose makers promise nothing of what is in them.
UNPROMISED = (
    "keras.src",
    "tensorflow.lite.python",
    "tensorflow.lite.tools",
    "ai_edge_litert.schema_py_generated",
    "streamlit.runtime",
)


@pytest.mark.parametrize("name", TABLE)
def test_it_is_still_what_our_code_takes_it_for(name: str) -> None:
    entry = TABLE[name]
    try:
        entry.check()
    except Exception as error:
        pytest.fail(f"{name} has moved or changed ({error!r}): {', '.join(entry.where)} needs it ({entry.why})")


@pytest.mark.parametrize("name", TABLE)
def test_it_is_used_where_the_table_says_and_nowhere_else(name: str) -> None:
    assert sorted(module for module, text in sources().items() if name in text) == sorted(TABLE[name].where)


def test_no_other_is_used() -> None:
    texts = sources()
    own = {name for text in texts.values() for name in defined(ast.parse(text))}
    found = {name for text in texts.values() for name in private(ast.parse(text)) | page_names(text)}
    missing = {name for name in found - own - PROMISED if not any(name in key for key in TABLE)}
    assert not missing, f"{missing} are private to other packages: put them into the table, with a check"


def defined(tree: ast.Module) -> Iterator[str]:
    """The names that our code gives."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
            yield node.attr


def private(tree: ast.Module) -> set[str]:
    """What is taken from others by a name with an underscore, or out of a module that promises nothing."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("getattr", "hasattr"):
            found |= {str(argument.value) for argument in node.args if isinstance(argument, ast.Constant)}
    found = {name for name in found if re.match("_[a-z]", name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name for name in full if name.startswith(UNPROMISED) and not set(name.split(".")) & set(TABLE)}
    return found


def page_names(text: str) -> set[str]:
    """Names of Streamlit's own elements."""
    return set(re.findall(r'(?:data-testid="|\.(?=st[A-Z]))([A-Za-z-]+)', text))
