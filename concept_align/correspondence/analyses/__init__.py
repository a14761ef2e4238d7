"""What goes with alignability, what it predicts, and what lies behind it.

| module | question |
|---|---|
| ``concepts`` | which concepts correspond best and worst? |
| ``groups`` | are languages of one family, branch or script more alike? |
| ``languages`` | how far apart are languages by family, script, size of corpus and place? |
| ``typology`` | how far apart are they by a table of typological features? |
| ``mantel`` | do two languages x languages tables go together, also when others are held constant? |
| ``predictors`` | which of these distances go with alignability, alone and with others held constant? |
| ``transfer`` | do scores with the source language predict zero-shot accuracy? |
| ``models`` | are the scores of one model higher than those of another, and do they agree? |
| ``overlay`` | the prototypes of several languages in one picture |

Pairs that share a language are not independent: intervals and tests here take the language, never the pair,
as the unit that was sampled (:mod:`concept_align.statistics`).
"""
