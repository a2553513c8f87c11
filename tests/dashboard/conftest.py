"""Who is at the page in these tests: nobody connects, so they say so themselves."""

from __future__ import annotations

import pytest

from dashboard.access import roles
from dashboard.access.visitors import LOCAL, REMOTE, Visitor
from dashboard.services.jobs import WHOLE_SETS
from tests.dashboard.page_visit import Become


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> Become:
    """Makes somebody the one at every page from now on."""

    def become(who: Visitor) -> None:
        monkeypatch.setattr(roles, "current_visitor", lambda: who)

    return become


@pytest.fixture(autouse=True)
def owner(become: Become, monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner at this machine, unless a test says otherwise."""
    for name in ("VITRINE_PASSWORD", "VITRINE_LOCAL_OWNER"):
        monkeypatch.delenv(name, raising=False)
    become(Visitor(LOCAL))


@pytest.fixture
def visitor(become: Become) -> None:
    """Somebody at another machine."""
    become(Visitor(REMOTE))


@pytest.fixture(autouse=True)
def no_failed_jobs() -> None:
    """Jobs that failed stay listed until somebody tries again; no test finds another's."""
    WHOLE_SETS.jobs.clear()
