"""Which demonstrations go into a prompt: selectors behind one interface.

Where a selector ranks sentences, the best stands last, next to the query: what a causal model predicts leans
towards what stood near the end of the prompt (recency bias: Zhao et al. 2021, Calibrate Before Use, arXiv
2102.09690), so the demonstration that fits the query should be there. How much order matters differs from
task to task (Liu et al. 2022, arXiv 2101.06804; Lu et al. 2022, arXiv 2104.08786): compare selectors under
one convention.

A selector never runs a model: what it knows of states comes as :class:`.vectors.SentenceVectors`, made by
:mod:`.means`. What it chooses for a query does not depend on other queries, and never is a sentence of the
query's own words (treebanks repeat sentences across splits; their labels would stand in the prompt).
"""
