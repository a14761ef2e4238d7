"""Words and their labels: the registry of treebanks, the CoNLL-U reader and the inventories of concepts."""
