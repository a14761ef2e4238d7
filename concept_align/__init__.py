"""concept_align: do a language model's structural concepts correspond across languages?

Importing the package does nothing: no configuration is read, no folder made, no seed set and no device
touched. The rooms and what each is for are described in ``docs/architecture.md``.
"""

__version__ = "0.2.0"
