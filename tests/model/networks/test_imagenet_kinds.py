from __future__ import annotations

from itertools import chain

from model.datasets.cifar10 import CIFAR10_CLASSES
from model.networks.imagenet_kinds import KINDS, kinds_matrix, kinds_of
from model.signature.imagenet import imagenet_classes

NAMES = {
    "airplane": {"airliner", "warplane"},
    "automobile": {"taxi", "convertible", "jeep", "limousine", "minivan", "sports car"},
    "bird": {"rooster", "great grey owl", "black grouse", "black swan", "white stork", "albatross"},
    "cat": {"tabby", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat"},
    "deer": {"hartebeest", "impala", "gazelle"},
    "dog": {"Chihuahua", "Mexican hairless dog"},
    "frog": {"bullfrog", "tree frog", "tailed frog"},
    "horse": {"sorrel horse", "horse cart"},
    "ship": {"container ship", "ocean liner", "schooner", "speedboat", "pirate ship"},
    "truck": {"fire engine", "garbage truck", "moving van", "tow truck", "trailer truck"},
}
STRANGERS = {"European fire salamander", "centipede", "isopod", "grey whale", "sea lion", "timber wolf", "umbrella"}


def test_each_of_the_ten_has_its_kinds_and_nothing_is_a_kind_of_two() -> None:
    classes = imagenet_classes()
    assert tuple(KINDS) == CIFAR10_CLASSES
    numbers = list(chain.from_iterable(map(kinds_of, KINDS)))
    assert len(set(numbers)) == len(numbers)
    for name, wanted in NAMES.items():
        assert wanted <= {classes[number] for number in kinds_of(name)}, name
    assert set(classes) >= STRANGERS and not STRANGERS & {classes[number] for number in numbers}
    assert len(kinds_of("bird")) == 59 and len(kinds_of("dog")) == 118


def test_the_matrix_adds_up_the_kinds_in_the_order_of_the_classes() -> None:
    matrix = kinds_matrix(("dog", "cat", "house"))
    assert matrix.shape == (1000, 3)
    assert matrix.sum(axis=0).tolist() == [118, 5, 0]
    assert matrix[281].tolist() == [0, 1, 0]
