from __future__ import annotations

import re

from model.datasets.cifar10 import CIFAR10_CLASSES
from model.images.samples import FOLDER, first_of_each_class, list_samples


def test_every_class_has_a_sample_and_every_sample_a_class() -> None:
    samples = list_samples()
    assert len(samples) >= 12
    assert {sample.truth for sample in samples} == set(CIFAR10_CLASSES)
    assert [sample.truth for sample in first_of_each_class(samples)] == list(CIFAR10_CLASSES)


def test_every_sample_has_its_line_in_the_credits() -> None:
    credited = re.findall(r"^\| `([^`]+)` \|", (FOLDER / "CREDITS.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(credited) == [sample.name for sample in list_samples()]
