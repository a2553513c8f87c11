"""Which modules need TensorFlow itself. All others get by with Keras, and `import_keras` is what brings both in."""

from __future__ import annotations

import ast

from tests.unpromised import sources

WHERE = {
    "model.signature.scaling": "pictures as a network wants them, and the network as a compiled function",
    "model.explanation.saliency": "gradients",
    "model.export.quantization": "the converter to .tflite",
    "model.export.bias_correction": "the words and objects of a .tflite file",
    "model.export.float_tail": "the words and objects of a .tflite file",
    "model.export.feature_output": "the same, for an output more",
    "training.engine.fused_layers": "kernels that do in one pass what Keras's layers do in several",
    "training.engine.optimizer": "what a GPU is capable of",
    "training.engine.mirrored": "copies of one network on several GPUs are TensorFlow's own",
    "benchmarks.peers.network": "runs without Vitrine, in the environment of the servers that it is compared with",
    "benchmarks.keras2_save": "runs with a TensorFlow of its own, which has Keras 2",
}


def imports(tree: ast.Module) -> set[str]:
    """The packages that a module imports when it runs, not for its annotations alone."""
    found = set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def test_tensorflow_is_imported_where_keras_will_not_do_and_nowhere_else() -> None:
    assert {name for name, text in sources().items() if "tensorflow" in imports(ast.parse(text))} == set(WHERE)
