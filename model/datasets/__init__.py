"""Labelled pictures: CIFAR-10 and image folders, their splits, and the names of their classes.

A reader for a new kind of data set goes here.
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
    "resized",
    "splits",
    "test_set",
]
