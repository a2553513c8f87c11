"""What pyproject.toml cannot say: every package there is, Streamlit's settings among them, and no leftovers."""

from __future__ import annotations

import shutil

from setuptools import find_packages, setup
from setuptools.command.build import build


class CleanBuild(build):
    """A build that starts empty: setuptools would pack modules of an earlier one that are gone by now."""

    def run(self) -> None:
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()


setup(
    packages=[*find_packages(exclude=["tests*", "benchmarks*"]), "sample_images", "vitrine.streamlit"],
    package_dir={"vitrine.streamlit": ".streamlit"},  # its name is fixed, and no package can have it
    package_data={"": ["**/*"]},
    exclude_package_data={"": ["*.pyc"]},
    cmdclass={"build": CleanBuild},
)
