"""What learning found out about the network it made and the pictures it was taught on: numbers, no words."""

from __future__ import annotations

from dataclasses import dataclass

from model.evaluation.metrics import wilson_interval

DARK, BRIGHT, BLURRED, TINY = "dark", "bright", "blurred", "tiny"


@dataclass(frozen=True)
class Suspect:
    """A picture whose class is probably wrong: its number, the class it is in, and the likelier one's probability."""

    id: int
    label: str
    suggestion: str
    probability: float


@dataclass(frozen=True)
class DuplicateGroup:
    """Pictures that show the same, by their numbers, and the classes they are in."""

    ids: tuple[int, ...]
    labels: tuple[str, ...]

    @property
    def across(self) -> bool:
        """Whether they are in more than one class."""
        return len(set(self.labels)) > 1


@dataclass(frozen=True)
class Flaw:
    """A picture that is dark, bright, blurred or tiny."""

    id: int
    kind: str


@dataclass(frozen=True)
class Confusion:
    """How often pictures of one class were taken for another, both ways together."""

    first: str
    second: str
    count: int


@dataclass(frozen=True)
class Giveaway:
    """A class that is mostly told by its background: of `count` pictures, `right` were with their centre covered."""

    label: str
    right: int
    count: int


@dataclass(frozen=True)
class Forecast:
    """The accuracy that about `more` pictures more would bring; `more` is 0 if they would hardly help."""

    more: int
    accuracy: float


@dataclass(frozen=True)
class Report:
    """The figures of one learning.

    Attributes:
        classes: In order.
        counts: Pictures by class.
        held_out: Pictures that were held out once; 0 where no class has two.
        right: How many of those were right.
        confusion: Their numbers, [true][predicted].
        ece: Expected calibration error of their probabilities; NaN without any.
        temperature: What the logits were divided by.
        penalty: The regularisation that was chosen.
        curve: (pictures learnt from, accuracy), the last with all.
        forecast: None if there are too few pictures for one.
        confusions: The most frequent first.
        suspects: The likeliest first.
        duplicates: Groups of near-duplicates; those across classes first.
        flaws: Pictures that are hard to recognize.
        small_classes: Classes with a quarter of the largest one's pictures or fewer.
        repeated: Classes all of whose pictures are near-duplicates, so that their figures are too good.
        giveaways: Classes that the background gives away.
        careful: The share of own pictures that are not called unknown.
        passing_strangers: The share of pictures of an untaught class that would pass as known; None for two classes.
        seconds: From pictures whose features are known to the answer.
    """

    classes: tuple[str, ...]
    counts: tuple[int, ...]
    held_out: int
    right: int
    confusion: tuple[tuple[int, ...], ...]
    ece: float
    temperature: float
    penalty: float
    curve: tuple[tuple[int, float], ...]
    forecast: Forecast | None
    confusions: tuple[Confusion, ...]
    suspects: tuple[Suspect, ...]
    duplicates: tuple[DuplicateGroup, ...]
    flaws: tuple[Flaw, ...]
    small_classes: tuple[str, ...]
    repeated: tuple[str, ...]
    giveaways: tuple[Giveaway, ...]
    careful: float
    passing_strangers: float | None
    seconds: float = 0.0

    @property
    def accuracy(self) -> float | None:
        """The share of held-out pictures that were right; None without any."""
        return self.right / self.held_out if self.held_out else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % confidence interval of the accuracy."""
        return wilson_interval(self.right, self.held_out) if self.held_out else None
