"""From hidden states to concept spaces: representations, prototypes, probes, classification."""
