"""The parts of Vitrine that are installed on demand, and the sentence that says how."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

from model.common.errors import BundleError
from model.i18n.translations import gettext as _
from model.i18n.translations import marked

# Extra of pyproject.toml -> the packages that it brings, and what is said where one of them is missing.
EXTRAS: dict[str, tuple[tuple[str, ...], str]] = {
    "keras": (
        ("keras", "tensorflow", "h5py"),
        marked('Keras is not installed; pip install "vitrine[keras]" installs it'),
    ),
    "page": (
        ("streamlit", "pandas", "plotly"),
        marked('the page is not installed; pip install "vitrine[page]" installs it'),
    ),
    "share": (
        ("pyngrok",),
        marked('pyngrok is not installed; pip install "vitrine[share]" installs it'),
    ),
}


class NotInstalled(BundleError):
    """Something that needs a part which is not installed; the message says how to install it."""


@cache
def is_installed(extra: str) -> bool:
    """Whether all is there that an extra brings. Nothing is imported for that."""
    packages, _sentence = EXTRAS[extra]
    return all(find_spec(package) for package in packages)


def require(extra: str) -> None:
    """Do nothing where an extra is installed. Raises NotInstalled."""
    if not is_installed(extra):
        _packages, sentence = EXTRAS[extra]
        raise NotInstalled(_(sentence))
