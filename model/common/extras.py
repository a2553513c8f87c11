"""The optional parts of Vitrine (pip extras), and the messages that say how to install them."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

from model.common.errors import BundleError
from model.i18n.translations import gettext as _
from model.i18n.translations import marked

# Extra in pyproject.toml -> the packages it installs, and the message if one of them is missing. It names the packages
# themselves: on PyPI, vitrine is another program.
EXTRAS: dict[str, tuple[tuple[str, ...], str]] = {
    "keras": (
        ("keras", "tensorflow", "h5py"),
        marked("Keras is not installed; pip install keras tensorflow h5py installs it"),
    ),
    "onnx": (
        ("onnx", "tf2onnx"),
        marked("what writes .onnx files is not installed; pip install onnx tf2onnx installs it"),
    ),
    "page": (
        ("streamlit", "pandas", "plotly"),
        marked("the page is not installed; pip install streamlit pandas plotly installs it"),
    ),
    "scale": (
        ("pyarrow", "fsspec"),
        marked("pyarrow and fsspec are not installed; pip install pyarrow fsspec installs them"),
    ),
    "ray": (
        ("ray",),
        marked("Ray is not installed; pip install ray installs it"),
    ),
    "sweep": (
        ("optuna",),
        marked("Optuna is not installed; pip install optuna installs it"),
    ),
    "share": (
        ("pyngrok",),
        marked("pyngrok is not installed; pip install pyngrok installs it"),
    ),
}


class NotInstalled(BundleError):
    """An optional part is needed but not installed; the message says how to install it."""


@cache
def is_installed(extra: str) -> bool:
    """Return whether every package of an extra is installed, without importing any."""
    packages, _sentence = EXTRAS[extra]
    return all(find_spec(package) for package in packages)


def require(extra: str) -> None:
    """Check that an extra is installed.

    Raises:
        NotInstalled: A package of the extra is missing.
    """
    if not is_installed(extra):
        _packages, sentence = EXTRAS[extra]
        raise NotInstalled(_(sentence))
