"""Evidence: how well an aligner classifies concepts in languages with no or few labels."""
