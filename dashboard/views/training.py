"""How the networks were trained: runs, curves, recipes; a run still going on is followed live."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import charts, words
from training.history import Run, duration, list_runs, own_runs

LIVE_SECONDS = 2.0


SHARES = ("validation", "test", "first 1,000 of test")
HELP = {
    "validation": "best accuracy of any epoch on the validation pictures",
    "test": "accuracy on all test pictures, one plain view each",
    "first 1,000 of test": "accuracy on the first 1,000 test pictures of CIFAR-10, which are lossless here",
    "its source reports": "what the author of the network says of it, on pictures of their own",
}


def overview(runs: Sequence[Run]) -> pd.DataFrame:
    """A row a run, in the order given; shares in per cent; a column that would hold nothing is left out."""
    rows = [
        {
            "run": run.name,
            "status": run.status,
            "epochs": len(run.history),
            "minutes": round(run.minutes, 1),
            "validation": 100 * run.best_val_accuracy,
            "test": 100 * run.test_accuracy(),
            "first 1,000 of test": 100 * run.test_accuracy("first 1,000"),
            "its source reports": run.recipe.get("reported") or None,
            "network": run.recipe.get("description", ""),
        }
        for run in runs
    ]
    return pd.DataFrame(rows).dropna(axis="columns", how="all")


def choose_runs(runs: Sequence[Run]) -> list[Run]:
    """The table of runs, and the names of those to overlay: at first the first. The choice stands in the address."""
    columns = {title: st.column_config.NumberColumn(format="%.1f%%", help=HELP[title]) for title in SHARES}
    st.dataframe(
        overview(runs),
        hide_index=True,
        column_config={**columns, "its source reports": st.column_config.TextColumn(help=HELP["its source reports"])},
        alt="Training runs with epochs, minutes, accuracy measured, and what the network's source reports",
    )
    by_name = {run.name: run for run in reversed(runs)}
    names = list(by_name)[::-1]
    chosen = st.pills(
        "Show",
        names,
        selection_mode="multi",
        default=names[:1],
        key="show",
        bind="query-params",
        format_func=words.plain,
    )
    return [by_name[name] for name in chosen]


def show_progress(run: Run) -> None:
    progress = run.progress
    if run.status != "running" or "eta_seconds" not in progress:
        return
    done = (progress["epoch"] - 1) * progress["steps"] + progress["step"]
    left = duration(progress["eta_seconds"])
    text = f"{words.plain(run.name)}: epoch {progress['epoch']} of {progress['epochs']}, about {left} left"
    st.progress(min(done / (progress["epochs"] * progress["steps"]), 1.0), text)


def show_curves(runs: Sequence[Run]) -> None:
    measured = [run for run in runs if len(run.history)]
    if not measured:
        st.info("No epoch has ended yet: curves appear after the first one.")
        return
    names = ", ".join(run.name for run in measured)
    for measure in ("accuracy", "loss"):
        alt = f"{measure} by epoch of {names}, training dotted and validation full"
        st.plotly_chart(
            charts.curve_chart(measured, measure), config=charts.HOVER_CONFIG, key=f"curve-{measure}", alt=alt
        )
    st.plotly_chart(
        charts.rate_chart(measured),
        config=charts.HOVER_CONFIG,
        key="curve-rate",
        alt=f"Learning rate by epoch of {names}",
    )
    with st.expander("The curves as a table"):
        frames = [pd.DataFrame(vars(run.history)).assign(run=run.name) for run in measured]
        st.dataframe(pd.concat(frames), hide_index=True, alt="Every epoch's figures")


def show_recipes(runs: Sequence[Run]) -> None:
    """Every value of the recipes side by side, a column a run."""
    columns = {run.name: flat(run.recipe) for run in runs}
    keys = dict.fromkeys(key for values in columns.values() for key in values)
    table = pd.DataFrame(
        {name: [str(values.get(key, "")) for key in keys] for name, values in columns.items()},
        index=pd.Index(keys, name="value"),
    )
    st.dataframe(table, height=560, alt="The recipe's values")


def flat(recipe: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in recipe.items():
        if isinstance(value, dict):
            values |= flat(value, f"{prefix}{key}.")
        else:
            values[prefix + key] = value
    return values


def changed(path: Path) -> float:
    """When a file last changed; 0 for one that has just gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def state_on_disk() -> tuple[tuple[str, float], ...]:
    """The user's runs' files and when they last changed."""
    files = [path for pattern in ("*/*.csv", "*/*.json", "*/*.toml") for path in own_runs().glob(pattern)]
    return tuple(sorted((str(path), changed(path)) for path in files))


@st.fragment(run_every=LIVE_SECONDS)
def follow() -> None:
    """Draw the page anew when a run in another process has written something, or has fallen silent."""
    statuses = tuple(run.status for run in list_runs() if run.status in ("running", "cut off"))
    now = (state_on_disk(), statuses)
    before, st.session_state.runs_on_disk = st.session_state.get("runs_on_disk", now), now
    if now != before:
        st.rerun()


follow()
runs = list_runs()
if not runs:
    st.info("There are no runs yet. Train one: python -m training fit --recipe fast --data DIR")
    st.stop()
chosen = choose_runs(runs)
for run in runs:
    show_progress(run)
if not chosen:
    st.info("Choose one or several runs above to see their curves.")
    st.stop()
left, right = st.columns([5, 2], gap="medium")
with left:
    show_curves(chosen)
with right:
    st.markdown("**Recipe**")
    show_recipes(chosen)
