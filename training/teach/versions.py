"""Earlier versions of what was taught, and how the latest one compares with them on the same pictures.

Of an earlier version its project keeps the head and what each picture was taken for when it was held out: about 18
bytes a picture and 5 KB a class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.signature.outputs import softmax
from training.projects.project import Project
from training.teach.backbone import Backbone
from training.teach.head import Head
from training.teach.learn import Taught
from training.teach.result_blob import encode_result, read_result

BEFORE, KEPT, REPLACED = "version-before", "version-kept", "version-replaced"  # rows of a project's results
MOST_CHANGES = 36  # pictures that are named in each direction


@dataclass(frozen=True)
class Version:
    """As much of an earlier version as it takes to compare it.

    Attributes:
        classes: What they were called, in the order of its logits.
        class_ids: Their numbers in the project, in the same order.
        head: On the backbone's features.
        revision: The project's, when it was learnt.
        ids: int64 (n,), the numbers of the pictures that it was taught on.
        answers: int64 (n,), what each was taken for when it was held out; -1 for those that never were.
        probabilities: float16 (n,), of those answers.
    """

    classes: tuple[str, ...]
    class_ids: tuple[int, ...]
    head: Head
    revision: int
    ids: np.ndarray
    answers: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True)
class Change:
    """A picture that one of two versions is right on and the other is wrong on.

    Attributes:
        id: Its number in the project.
        sha256: Of its file.
        truth: The class it is in now.
        before: The earlier version's answer.
        probability_before: Of that answer, 0 to 1.
        now: The later version's answer.
        probability: Of that answer, 0 to 1.
    """

    id: int
    sha256: str
    truth: str
    before: str
    probability_before: float
    now: str
    probability: float


@dataclass(frozen=True)
class VersionComparison:
    """What two versions say of the same pictures.

    Attributes:
        earlier: Which version is the earlier one: `BEFORE`, `KEPT` or `REPLACED`.
        pictures: How many pictures there are.
        right_before: How many the earlier version is right on.
        right_now: How many the later one is right on.
        better_count: How many only the later one is right on.
        worse_count: How many only the earlier one is right on.
        better: Up to MOST_CHANGES of the former, those whose class the later one is surest of first.
        worse: Up to MOST_CHANGES of the latter, those whose wrong class the later one is surest of first.
    """

    earlier: str
    pictures: int
    right_before: int
    right_now: int
    better_count: int
    worse_count: int
    better: tuple[Change, ...]
    worse: tuple[Change, ...]


def version_of(taught: Taught) -> Version:
    """Return as much of what was taught as a later comparison needs."""
    return Version(
        taught.classes,
        taught.samples.class_ids,
        taught.head,
        taught.samples.revision,
        taught.held_out_ids,
        taught.held_out_answers,
        taught.held_out_probabilities.astype(np.float16),
    )


def encode_version(version: Version, backbone: Backbone) -> bytes:
    """Return the bytes from which `read_version` makes a version again."""
    about = {"classes": version.classes, "class_ids": version.class_ids, "revision": version.revision}
    arrays = {
        "weights": version.head.weights,
        "bias": version.head.bias,
        "ids": version.ids,
        "answers": version.answers.astype(np.int16),
        "probabilities": version.probabilities,
    }
    return encode_result(about, arrays, backbone)


def read_version(project: Project, backbone: Backbone, which: str) -> Version | None:
    """Read an earlier version from a project's results.

    Args:
        project: The project.
        backbone: The network whose features it is for.
        which: The row: `BEFORE`, `KEPT` or `REPLACED`; what `training.teach.kept` writes will do too.

    Returns:
        The version, or None if there is none for this backbone.
    """
    found = read_result(project, backbone, which)
    if found is None:
        return None
    about, arrays = found
    try:
        return Version(
            tuple(about["classes"]),
            tuple(about["class_ids"]),
            Head(arrays["weights"], arrays["bias"]),
            int(about["revision"]),
            arrays["ids"],
            arrays["answers"].astype(np.int64),
            arrays["probabilities"].astype(np.float16),
        )
    except (ValueError, KeyError, TypeError):
        return None


def keep_version(project: Project, taught: Taught, backbone: Backbone) -> None:
    """Note which version has become a model; the one before it becomes `REPLACED`.

    Raises:
        ProjectError: The project is gone.
    """
    known = read_version(project, backbone, KEPT)
    with project.opened(writes=True) as connection:
        if known is not None and known.revision != taught.samples.revision:
            connection.execute("DELETE FROM results WHERE key = ?", (REPLACED,))
            connection.execute("UPDATE results SET key = ? WHERE key = ?", (REPLACED, KEPT))
        row = KEPT, encode_version(version_of(taught), backbone)
        connection.execute("INSERT OR REPLACE INTO results VALUES (?, ?)", row)


def compare_with_earlier(project: Project, now: Taught, backbone: Backbone) -> VersionComparison | None:
    """Compare what was taught with the version that people know.

    That is the one that has become a model; where that is this very one, the model that it replaced; and where there
    is neither, what was learnt before.

    Returns:
        The comparison, or None if there is no earlier version.
    """
    if not np.array_equal(now.samples.ids, now.held_out_ids):
        return None  # read again after a change: the pictures are others than those it was taught on
    for which in (KEPT, REPLACED, BEFORE):
        version = read_version(project, backbone, which)
        if version is not None and version.revision != now.samples.revision:
            return compare_versions(version, now, which)
    return None


def compare_versions(before: Version, now: Taught, earlier: str = BEFORE) -> VersionComparison:
    """Compare two versions on the pictures that the later one was taught on, with the classes they have now.

    Each answers with what it said of a picture when that was held out; the earlier one has not seen the pictures that
    came later, so it is asked about them directly. Pictures that cannot be held out are left out. A class that has been
    renamed is still the same one.

    Args:
        before: The earlier version.
        now: The later one.
        earlier: Which version the earlier one is, for the result.
    """
    samples = now.samples
    said, sure, asked = _answers_before(before, now)
    names = dict(zip(before.class_ids, before.classes, strict=True)) | dict(
        zip(samples.class_ids, samples.classes, strict=True)
    )
    numbers = np.array(samples.class_ids)
    truths, new, old = numbers[samples.labels], numbers[now.held_out_answers], np.array(before.class_ids)[said]
    asked &= now.held_out_answers >= 0
    was_right, is_right = (old == truths) & asked, (new == truths) & asked
    better, worse = np.flatnonzero(is_right & ~was_right), np.flatnonzero(was_right & ~is_right)

    def changes(places: np.ndarray) -> tuple[Change, ...]:
        surest = places[np.argsort(-now.held_out_probabilities[places], kind="stable")][:MOST_CHANGES]
        return tuple(
            Change(
                int(samples.ids[place]),
                samples.sha256s[place],
                names[int(truths[place])],
                names[int(old[place])],
                float(sure[place]),
                names[int(new[place])],
                float(now.held_out_probabilities[place]),
            )
            for place in surest
        )

    return VersionComparison(
        earlier,
        int(asked.sum()),
        int(was_right.sum()),
        int(is_right.sum()),
        len(better),
        len(worse),
        changes(better),
        changes(worse),
    )


def _answers_before(before: Version, now: Taught) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the earlier version says of the later one's pictures, in their order: answers, probabilities, if it can."""
    places = {int(number): place for place, number in enumerate(before.ids)}
    found = np.array([places.get(number, -1) for number in now.held_out_ids.tolist()])
    said, sure = before.answers[found], before.probabilities[found].copy()
    unseen = np.flatnonzero(found < 0)
    if len(unseen):
        probabilities = softmax(before.head.logits(now.samples.features[unseen]))
        said[unseen], sure[unseen] = probabilities.argmax(axis=1), probabilities.max(axis=1)
    return said, sure, said >= 0
