"""The version of the package, which results cite."""

__version__ = "0.2.0"
