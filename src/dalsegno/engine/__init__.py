"""One run moved forward: definitions, verbs, the step runner, the commit queue, the engine."""
