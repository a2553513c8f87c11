"""Labelled pictures: CIFAR-10 and folders, in splits, and what their classes are called.

A new kind of data set is read here.
"""

__all__ = [
    "cifar10",
    "class_matching",
    "class_name_files",
    "class_names",
    "display_names",
    "image_folder",
    "known_folders",
    "loader",
    "splits",
    "test_set",
]
