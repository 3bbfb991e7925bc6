"""Is a cluster ready for the loss of a node? Conditions, each with verdict, evidence and remedy.

`facts` says what has to be known, `judge.readiness` answers; docs/readiness.md has a paragraph for
each condition. Everything is judged in one pass over what was observed: no run of the engine.
"""
