"""Tuning a model on translations, so that sentences that say the same come to lie together."""
