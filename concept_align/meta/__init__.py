"""Learning to align: episodes over languages, the maps they train, and the learners."""
