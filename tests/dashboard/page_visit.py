"""Pages drawn without a browser, and what stands on them."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from benchmarks.servers import ROOT
from dashboard.access.visitors import Visitor

Become = Callable[[Visitor], None]  # makes somebody the one at every page
SAMPLES = ROOT / "sample_images"


def visit(**query: str) -> AppTest:
    test = AppTest.from_file(str(ROOT / "dashboard" / "main.py"), default_timeout=300)
    for key, value in query.items():
        test.query_params[key] = value
    return test.run()


def visit_page(view: str, **query: str) -> AppTest:
    test = visit().switch_page(f"views/{view}.py")
    for key, value in query.items():
        test.query_params[key] = value
    return test.run()


def texts(test: AppTest) -> str:
    elements = [*test.markdown, *test.caption, *test.error, *test.info, *test.subheader]
    return "\n".join(element.value for element in elements)


def tiles(test: AppTest, prefix: str = "tile-") -> list[str]:
    return [button.label for button in test.button if (button.key or "").startswith(prefix)]


def dialog() -> AppTest:
    """The dialog alone, open at every run."""

    def page() -> None:
        from dashboard.panels import model_actions

        model_actions.add_network()

    return AppTest.from_function(page, default_timeout=300).run()
