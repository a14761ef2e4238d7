"""What pyproject.toml cannot say: the mini treebanks of ``ud_data`` are installed inside the package."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["concept_align*"]), "concept_align.mini"],
    package_dir={"concept_align.mini": "ud_data/mini"},
)
