"""What a report says in words: the same sentences on the page, on the command line and over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from model.i18n.number_format import integer, percentage
from model.i18n.translations import gettext as _
from model.i18n.translations import marked, ngettext
from training.teach.report import BLURRED, BRIGHT, DARK, TINY, DuplicateGroup, Report
from training.teach.versions import BEFORE, KEPT, REPLACED, VersionComparison

# Pictures a class: with 5 of each of three or six kinds of photographs, fewer than half of other things are told.
_ENOUGH_FOR_STRANGERS = 10
GOOD, NOTE, WARNING = "good", "note", "warning"
# Kind of a flaw -> the sentence for a number of such pictures.
_FLAWS: dict[str, Callable[[int], str]] = {
    DARK: lambda n: ngettext("{count} picture is very dark.", "{count} pictures are very dark.", n),
    BRIGHT: lambda n: ngettext("{count} picture is nearly white.", "{count} pictures are nearly white.", n),
    BLURRED: lambda n: ngettext("{count} picture is blurred.", "{count} pictures are blurred.", n),
    TINY: lambda n: ngettext("{count} picture is tiny.", "{count} pictures are tiny.", n),
}

_EARLIER = {
    BEFORE: marked("what was learnt before"),
    KEPT: marked("the network in use"),
    REPLACED: marked("the network it replaced"),
}


@dataclass(frozen=True)
class Advice:
    """One sentence about what was learnt.

    Attributes:
        kind: What it is about, such as `accuracy` or `suspect`.
        level: `good`, `note` or `warning`.
        text: The sentence.
        ids: The pictures that it is about, by their numbers.
        move_to: The class that a click should move them to; empty for none.
    """

    kind: str
    level: str
    text: str
    ids: tuple[int, ...] = ()
    move_to: str = ""


def advise(report: Report, compared: VersionComparison | None = None) -> list[Advice]:
    """Say all that a report found, what matters most first.

    Args:
        report: What was found.
        compared: How it compares with an earlier version, where that is to be said too.
    """
    return [
        _accuracy(report),
        *([Advice("compared", NOTE, describe_comparison(compared))] if compared else []),
        *_alone(report),
        *_confusions(report),
        *_suspects(report),
        *_duplicates(report),
        *_flaws(report),
        *_balance(report),
        *_giveaways(report),
        *_more_pictures(report),
        *_none_of_these(report),
    ]


def describe_comparison(found: VersionComparison) -> str:
    """Say on how many pictures a version is right that an earlier one was wrong on, and the reverse."""
    if found.better_count or found.worse_count:
        text = ngettext(
            "Compared with {earlier}, on the same {count} picture: better on {better}, worse on {worse}.",
            "Compared with {earlier}, on the same {count} pictures: better on {better}, worse on {worse}.",
            found.pictures,
        )
    else:
        text = ngettext(
            "Compared with {earlier}, on the same {count} picture: no answer became right or wrong.",
            "Compared with {earlier}, on the same {count} pictures: no answer became right or wrong.",
            found.pictures,
        )
    return text.format(
        earlier=_(_EARLIER[found.earlier]),
        count=integer(found.pictures),
        better=integer(found.better_count),
        worse=integer(found.worse_count),
    )


def _accuracy(report: Report) -> Advice:
    if report.interval is None:
        text = _("No class has two pictures yet, so nothing could be held out to measure with.")
        return Advice("accuracy", NOTE, text)
    low, high = report.interval
    text = ngettext(
        "{right} of {count} held-out picture right: between {low} and {high}.",
        "{right} of {count} held-out pictures right: between {low} and {high}.",
        report.held_out,
    ).format(
        right=integer(report.right),
        count=integer(report.held_out),
        low=percentage(low, 0),
        high=percentage(high, 0),
    )
    if report.repeated:
        text += " " + _("All pictures of {names} look alike, so the true figure is probably lower.").format(
            names=_list(report.repeated)
        )
    return Advice("accuracy", GOOD, text)


def _alone(report: Report) -> list[Advice]:
    """Say which classes the accuracy tells nothing of."""
    names = tuple(name for name, count in zip(report.classes, report.counts, strict=True) if count == 1)
    if not names or not report.held_out:
        return []
    text = _("Not measured, with only one picture: {names}.").format(names=_list(names))
    return [Advice("alone", NOTE, text)]


def _confusions(report: Report) -> list[Advice]:
    return [
        Advice(
            "confusion",
            NOTE,
            ngettext(
                "{first} and {second} are confused: {count} picture.",
                "{first} and {second} are confused: {count} pictures.",
                pair.count,
            ).format(first=pair.first, second=pair.second, count=integer(pair.count)),
        )
        for pair in report.confusions[:3]
    ]


def _suspects(report: Report) -> list[Advice]:
    return [
        Advice(
            "suspect",
            WARNING,
            _("A picture in {label} looks like {suggestion} ({sure}). Is its class right?").format(
                label=one.label, suggestion=one.suggestion, sure=percentage(one.probability, 0)
            ),
            (one.id,),
            one.suggestion,
        )
        for one in report.suspects
    ]


def _duplicates(report: Report) -> list[Advice]:
    return [*(_across(group) for group in report.duplicates if group.across), *_within(report)]


def _across(group: DuplicateGroup) -> Advice:
    names = _list(tuple(dict.fromkeys(group.labels)))
    text = _("The same picture is in {names}. It should be in only one class.").format(names=names)
    return Advice("duplicate", WARNING, text, group.ids)


def _within(report: Report) -> list[Advice]:
    groups = [group for group in report.duplicates if not group.across]
    count = sum(len(group.ids) for group in groups)
    if not groups:
        return []
    text = ngettext(
        "{count} pictures look alike; they count as {groups} picture when held out.",
        "{count} pictures look alike; they count as {groups} pictures when held out.",
        len(groups),
    )
    ids = tuple(number for group in groups for number in group.ids)
    return [Advice("duplicate", NOTE, text.format(count=integer(count), groups=integer(len(groups))), ids)]


def _flaws(report: Report) -> list[Advice]:
    found = []
    for kind, sentence in _FLAWS.items():
        ids = tuple(flaw.id for flaw in report.flaws if flaw.kind == kind)
        if ids:
            found.append(Advice(kind, NOTE, sentence(len(ids)).format(count=integer(len(ids))), ids))
    return found


def _balance(report: Report) -> list[Advice]:
    if not report.small_classes:
        return []
    text = _("{names}: far fewer pictures than {largest}. More of them would help most.")
    # Of those that are not small: many pictures of a small one may be near-duplicates.
    counts = dict(zip(report.classes, report.counts, strict=True))
    largest = max((name for name in counts if name not in report.small_classes), key=counts.__getitem__)
    return [Advice("balance", WARNING, text.format(names=_list(report.small_classes), largest=largest))]


def _giveaways(report: Report) -> list[Advice]:
    text = _(
        "{label} is recognized by its background: with the middle covered, {right} of {count} pictures are still "
        "right. Pictures with other backgrounds would help."
    )
    return [
        Advice("background", WARNING, text.format(label=one.label, right=integer(one.right), count=integer(one.count)))
        for one in report.giveaways
    ]


def _more_pictures(report: Report) -> list[Advice]:
    if report.forecast is None:
        return []
    if not report.forecast.more:
        return [Advice("more", NOTE, _("More pictures like these would hardly help."))]
    text = _("About {count} more pictures would bring it to about {share} right.")
    share = percentage(report.forecast.accuracy, 0)
    return [Advice("more", NOTE, text.format(count=integer(report.forecast.more), share=share))]


def _none_of_these(report: Report) -> list[Advice]:
    if not report.held_out:
        return []  # nothing to measure it with
    text = _("It calls about {share} of pictures like yours “none of these”.").format(
        share=percentage(1 - report.careful, 0)
    )
    if report.passing_strangers is not None:
        text += " " + _("Of pictures of a class it was not taught, about {share}.").format(
            share=percentage(1 - report.passing_strangers, 0)
        )
    if sum(report.counts) < _ENOUGH_FOR_STRANGERS * len(report.counts):
        text += " " + _("With fewer than ten pictures a class, it misses many pictures of other things.")
    return [Advice("none", NOTE, text)]


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(names)
