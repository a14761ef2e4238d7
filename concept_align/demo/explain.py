"""The standing text of the demo's page."""

WHAT = (
    "Does a language model keep noun, subject and case marker in the same place in every language? Then what "
    "is learned from some languages should name them in another. This page shows how far that goes, on small "
    "treebanks, with intervals and tests."
)

HOW = (
    "A task is what is named: word classes (noun, verb, … of every word) or relations (subject, object, … "
    "between a word and its head, from the difference of their states).",
    "A layer's states are vectors, one a word. Layer 0 is the embeddings, layer n what block n puts out. "
    "They are standardised by unlabelled words of each language.",
    "The floor is the commonest class. A learner at the floor has learned nothing.",
    "Own probe is a yardstick, not a ceiling: it has labelled sentences of the very language, but only a "
    "few of them where the treebank is small.",
    "Intervals hold 95% of bootstrap resamples: of test sentences (and of draws of labelled sentences) for "
    "one language, of languages as well for means.",
)

LEARNERS_SAID = (
    "`source-probe`: a probe of English alone, used everywhere; nothing is learned across languages.",
    "`pooled`: one classifier of the words of all training languages; it is fine-tuned only as far as that "
    "helped in the validation languages, which may be not at all.",
    "`proto`: prototypes and maps in concept space, after Xu et al. (2023).",
    "`shrink`: prototypes with a learned prior; the more labelled words a language has, the further they "
    "move them.",
)

CANNOT = (
    "Rank languages: with so few test words, a difference of some points between two of them may be chance.",
    "Speak of other sentences: the embedded ones are short, simple and the same in all languages. Real text "
    "is harder and more varied.",
    "Speak of other models: those that come with the package have four small blocks and read little text.",
    "Say why: shared structure, shared words and shared letters all help across languages. Unlabelled text "
    "of the test languages was there, for the models and for standardising; only labels were not.",
    "Replace native speakers: the embedded sentences were checked against real treebanks, but not by "
    "speakers of most of the languages.",
)
