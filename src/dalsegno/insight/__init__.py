"""The read side: where a run is, why it does not move, what there is, and whether all is well.

Nothing in here writes, and nothing but the store is asked. What comes out are frozen values; how they
look is ``render``'s alone, so that a terminal, a page and a program are told the same.
"""
