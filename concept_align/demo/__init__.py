"""Everything once, on small treebanks: for a first look, and to see that an installation works."""
