"""Interventions: concepts taken out of a model's states while it reads, and what that changes."""
