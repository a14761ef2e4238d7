"""A frozen language model behind one small protocol."""
