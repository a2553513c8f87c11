"""How networks were trained: runs, curves, recipes; runs start here and are followed live."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard.access import roles
from dashboard.components.plotly_chart import draw
from dashboard.panels import run_actions, run_form
from dashboard.panels.run_monitor import show_running
from dashboard.presenters import charts, curves, phrases, run_table
from model.i18n.number_format import decimal, percentage
from model.i18n.translations import gettext as _
from model.i18n.translations import ngettext
from training.analysis.ablation_report import compare_runs
from training.runs.run import Run, list_runs


def show_overview(found: Sequence[Run]) -> None:
    """Draw the table of runs."""
    columns = {
        key: st.column_config.Column(_(title), help=_(run_table.HELP[key]) if key in run_table.HELP else None)
        for key, title in run_table.TITLES.items()
    }
    table = run_table.overview(found)
    words = {"minutes": decimal} | {key: percentage for key in run_table.SHARES if key in table}
    st.dataframe(
        table.style.format(words, na_rep="–") if len(table) else table,  # in the reader's language, sorted as numbers
        hide_index=True,
        column_config=columns,
        placeholder="–",
        alt=_("Training runs with epochs, minutes, accuracy measured, and what the network's source reports"),
    )


def choose_runs(found: Sequence[Run]) -> list[Run]:
    """Return the runs to overlay; the choice is in the address."""
    by_name = {run.name: run for run in reversed(found)}
    names, state = list(by_name)[::-1], st.session_state
    wanted = kept = state.get("show")
    if state.get("started") in by_name:
        wanted = [state.pop("started")]
    elif kept:  # what was deleted or renamed elsewhere is no choice any more
        wanted = [name for name in kept if name in by_name]
    if wanted != kept:
        state.show = wanted
    chosen = st.pills(
        _("Show"),
        names,
        selection_mode="multi",
        default=names[:1] if wanted == kept else None,
        key="show",
        bind="query-params",
        format_func=run_table.button_label,
    )
    return [by_name[name] for name in chosen]


def show_curves(chosen: Sequence[Run]) -> None:
    """Draw the curves of the chosen runs."""
    measured = [run for run in chosen if len(run.history)]
    if not measured:
        st.info(_("No epoch has ended yet: curves appear after the first one."))
        return
    with st.popover(_("Axes and smoothing"), icon=":material/tune:"):
        smoothing = st.slider(
            _("Smoothing"),
            0.0,
            0.95,
            0.0,
            0.05,
            key="smoothing",
            bind="query-params",
            help=_("The share that each epoch takes over from those before it; the measured curve stays behind, pale"),
        )
        logarithmic = st.toggle(_("Logarithmic loss and learning rate"), key="logarithmic", bind="query-params")
    draw(
        curves.curves_chart(measured, smoothing, logarithmic),
        config=charts.HOVER_CONFIG,
        key="curves",
        alt=_("Accuracy, loss and learning rate by epoch, training dotted and validation full. {runs}").format(
            runs=curves.describe_curves(measured)
        ),
    )
    table = st.expander(_("As a table"), on_change="rerun", key="curves-table")
    if table.open:
        frames = [pd.DataFrame(vars(run.history)).assign(run=run.name) for run in measured]
        table.dataframe(
            pd.concat(frames),
            hide_index=True,
            column_config={key: _(title) for key, title in run_table.EPOCH_TITLES.items()},
            alt=_("Every epoch's figures"),
        )


def show_recipes(chosen: Sequence[Run]) -> None:
    """Draw all values of the recipes side by side, in an expander."""
    several = len(chosen) > 1
    frame = st.expander(
        _("What differs between these runs") if several else _("Its recipe"), on_change="rerun", key="recipes"
    )
    if not frame.open:
        return
    with frame:
        only = several and st.toggle(_("Only what differs"), True, key="only-differing")
        table = run_table.recipe_table(chosen, only)
        if table.empty:
            st.caption(_("Their recipes are the same."))
            return
        style = (
            table.style.apply(run_table.highlight_differences, axis=None)
            if several
            else table.drop(columns=run_table.MARK)
        )
        st.dataframe(
            style,
            height="content" if len(table) < 16 else 560,
            column_config={"value": _("value"), run_table.MARK: st.column_config.Column(run_table.MARK, width=36)},
            alt=_("The recipe's values"),
        )
        if several:
            st.caption(
                _("{mark} marks what differs; coloured is what the first run has otherwise.").format(
                    mark=run_table.MARK
                )
            )


found = list_runs()
with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
    count = ngettext("{count} run", "{count} runs", len(found)).format(count=len(found))
    st.markdown(f"**{count}**", width="content")
    if roles.is_owner():
        st.button(_("Start a run"), icon=":material/add:", type="primary", key="start", on_click=run_form.open_form)
        run_form.show_form()
show_running()
run_actions.show_undo()
if not found:
    st.info(_("There are no runs yet. Train one: {command}").format(command="python -m training fit --data DIR"))
    st.stop()
show_overview(found)
chosen = choose_runs(found)
if not chosen:
    st.info(_("Choose one or several runs above to see their curves."))
    st.stop()
for position, run in enumerate(chosen):
    run_actions.show_run(run, charts.RUN_COLORS[position % len(charts.RUN_COLORS)])
for sentence in compare_runs(chosen, found):
    st.markdown(f":material/compare_arrows: {phrases.escape_markdown(sentence)}")
show_curves(chosen)
show_recipes(chosen)
