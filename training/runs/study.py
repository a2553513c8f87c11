"""The trials of a sweep, chosen by Optuna from what the earlier ones reached."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from training.recipes.recipe import RecipeError
from training.recipes.recipe_file import to_toml_value
from training.recipes.search_space import Axis, Choices, with_values
from training.runs.series import SeriesRun
from training.runs.sweep import Sweep, checked_axes

_STUDY = "study.jsonl"


class OptunaSearch:
    """As many trials as a sweep asks for, kept in its folder; those that began earlier and have not ended come first.

    Tree-structured Parzen estimators choose them, the first ten at random (arXiv 2304.11127).

    Args:
        sweep: The sweep, whose folder exists.
        log: Called with a sentence about a trial that is not trained.

    Raises:
        RecipeError: The sweep goes out of the recipe's bounds.
    """

    def __init__(self, sweep: Sweep, log: Callable[[str], None]) -> None:
        self._sweep, self._log = sweep, log
        self._space = {axis.key: _distribution(axis) for axis in checked_axes(sweep)}
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        storage = JournalStorage(JournalFileBackend(str(sweep.folder / _STUDY)))
        self._study = optuna.create_study(
            storage=storage, study_name=sweep.name, direction="maximize", load_if_exists=True
        )

    def members(self) -> Iterator[SeriesRun]:
        """Yield the runs of trials that have not ended, and then of new ones."""
        for trial in self._study.get_trials(states=(TrialState.RUNNING,)):
            yield SeriesRun(self._sweep.run_name(trial.number), with_values(self._sweep.recipe, self._texts(trial)))
        while len(self._study.trials) < self._sweep.trials:
            if member := self._ask():
                yield member

    def _ask(self) -> SeriesRun | None:
        """Begin a trial; None if it is known without training."""
        done = self._study.get_trials(states=(TrialState.COMPLETE,))
        # A sampler that goes on with a study would begin its random numbers anew; so each trial has its own.
        seed = self._sweep.recipe.seed + len(self._study.trials)
        self._study.sampler = optuna.samplers.TPESampler(seed=seed)
        trial = self._study.ask(self._space)
        name = self._sweep.run_name(trial.number)
        if twin := next((other for other in done if other.params == trial.params), None):
            self._study.tell(trial, twin.value)
            self._log(f"{name} would be as {self._sweep.run_name(twin.number)}; it is not trained again")
            return None
        try:
            return SeriesRun(name, with_values(self._sweep.recipe, self._texts(trial)))
        except RecipeError as error:  # each value is within its bounds, but they do not go together
            self._study.tell(trial, state=TrialState.FAIL)
            self._log(f"{name}: {error}")
            return None

    def tell(self, member: SeriesRun, accuracy: float | None) -> None:
        """Take in the validation accuracy of a run that has ended; None if it failed."""
        number = next(trial.number for trial in self._study.trials if self._sweep.run_name(trial.number) == member.name)
        if accuracy is None:
            self._study.tell(number, state=TrialState.FAIL)
        else:
            self._study.tell(number, accuracy)

    def values(self) -> dict[str, dict[str, str]]:
        """Return the values of all trials so far."""
        return {self._sweep.run_name(trial.number): self._texts(trial) for trial in self._study.trials}

    def _texts(self, trial: FrozenTrial | optuna.Trial) -> dict[str, str]:
        """The values of a trial as a recipe writes them; choices are kept so."""
        return {
            key: str(value) if isinstance(self._space[key], CategoricalDistribution) else to_toml_value(value)
            for key, value in trial.params.items()
        }


def _distribution(axis: Axis) -> BaseDistribution:
    if isinstance(axis, Choices):
        return CategoricalDistribution(axis.texts)
    if axis.whole:
        step = 1 if axis.log else round(axis.step or 1)
        return IntDistribution(round(axis.low), round(axis.high), log=axis.log, step=step)
    return FloatDistribution(axis.low, axis.high, log=axis.log, step=axis.step)
