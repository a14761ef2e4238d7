"""Which demonstrations go into a prompt: selectors behind one interface."""
