"""What learning found out, as the page Teach words it; the sentences themselves are those of the command line."""

from __future__ import annotations

from dashboard.presenters import phrases
from model.i18n.number_format import decimal, integer, percentage
from model.i18n.translations import gettext as _
from model.i18n.translations import ngettext
from training.teach.advice import WARNING, Advice
from training.teach.report import Report
from training.teach.versions import Change

ICONS = {  # by what a sentence is about
    "alone": ":material/looks_one:",
    "confusion": ":material/swap_horiz:",
    "duplicate": ":material/content_copy:",
    "balance": ":material/balance:",
    "background": ":material/wallpaper:",
    "more": ":material/trending_up:",
    "none": ":material/help:",
}
_OTHER = ":material/broken_image:"
SUSPECT, DUPLICATE, _ACCURACY = "suspect", "duplicate", "accuracy"


def headline(report: Report) -> str:
    """Return how good it is, as a title: `23 of 24 held-out pictures right`."""
    if report.interval is None:
        return _("It has learnt")
    return _("{right} of {count} held-out pictures right").format(
        right=integer(report.right), count=integer(report.held_out)
    )


def details(report: Report) -> str:
    """Return the line below the title: the interval and the seconds."""
    if report.interval is None:
        return _("A second picture in each class lets it be measured.")
    low, high = (percentage(share, 0) for share in report.interval)
    return _("between {low} and {high} on pictures like these; learnt in {seconds} s").format(
        low=low, high=high, seconds=decimal(report.seconds)
    )


def has_pictures(one: Advice) -> bool:
    """Return whether a sentence is shown with its pictures and buttons to put them right."""
    return one.kind == SUSPECT or (one.kind == DUPLICATE and one.level == WARNING)


def sentences(advice: list[Advice]) -> list[tuple[str, tuple[int, ...]]]:
    """Return the sentences that ask nothing, as Markdown with an icon, each with the pictures that it is about."""
    shown = [one for one in advice if one.kind != _ACCURACY and not has_pictures(one)]
    return [(f"{ICONS.get(one.kind, _OTHER)} {phrases.escape_markdown(one.text)}", one.ids) for one in shown]


def change_line(change: Change) -> str:
    """Return how the answer about a picture changed: `square, 61%; now circle, 88%`."""
    return _("{before}, {sure_before}; now {now}, {sure}").format(
        before=change.before,
        sure_before=percentage(change.probability_before, 0),
        now=change.now,
        sure=percentage(change.probability, 0),
    )


def counted(count: int) -> str:
    """Return how many pictures there are, in words."""
    return ngettext("{count} picture", "{count} pictures", count).format(count=integer(count))


def progress(done: int, total: int) -> str:
    """Return how far learning is, in words."""
    if not total:
        return _("Warming up the network")
    if done >= total:
        return _("Learning …")
    return _("Looking at the pictures: {done} of {total}").format(done=integer(done), total=integer(total))
