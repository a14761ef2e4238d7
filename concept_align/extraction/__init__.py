"""Treebank × model → store, or → streaming statistics; :mod:`.config` is to be had without torch."""
