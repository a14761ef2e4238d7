"""In-context learning: prompts of tagged sentences, what a decoder makes of them, and whether alignment helps."""
