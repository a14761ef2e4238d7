"""Questions asked of scores of alignability: what goes with them, what they foretell, what lies behind them.

| module | question |
|---|---|
| ``table`` | the tidy scores of one measure and layer as a languages x languages table |
| ``mantel`` | do two such tables go together, also when others are held constant? |
| ``languages`` | how far apart are languages by kinship, script and size of corpus? |
| ``typology``, ``geography`` | how far apart are they by features, and on the Earth? |
| ``predictors`` | which of these distances go with alignability, alone and together? |
| ``transfer`` | do scores with the source language foretell zero-shot accuracy? |
| ``concepts`` | which concepts correspond best and worst? |
| ``overlay`` | the prototypes of several languages in one picture |
| ``clusters`` | which languages cluster, and are clusters families? |
| ``models`` | are the scores of one model higher than those of another, and do they agree? |

Pairs that share a language are not independent: intervals and tests here take the language, never the pair,
as the unit that was sampled (:mod:`concept_align.correspondence.questions.dyads`).
"""
