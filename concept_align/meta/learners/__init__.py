"""One learner a module, all behind the protocol of :mod:`concept_align.meta.learners.base`."""
