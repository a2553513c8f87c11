"""What pyproject.toml cannot say: all packages, Streamlit's settings among them, and no leftovers of earlier builds."""

from __future__ import annotations

import shutil

from setuptools import find_packages, setup
from setuptools.command.build import build


class CleanBuild(build):
    """A build that starts empty: setuptools would include modules of an earlier build that are gone by now."""

    def run(self) -> None:
        """Build after deleting the earlier build."""
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()


setup(
    packages=[*find_packages(exclude=["tests*", "benchmarks*"]), "sample_images", "vitrine.streamlit"],
    package_dir={"vitrine.streamlit": ".streamlit"},  # its name is fixed, and no package can have it
    package_data={"": ["**/*"]},
    exclude_package_data={"": ["*.pyc"]},
    cmdclass={"build": CleanBuild},
)
