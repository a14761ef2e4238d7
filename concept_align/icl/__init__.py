"""In-context learning: tagged sentences in prompts, what a decoder makes of them, what alignment adds."""
