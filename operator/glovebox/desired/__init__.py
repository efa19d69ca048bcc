"""From a declared Experiment to the Kubernetes objects it needs: a pure package, without I/O, clock or randomness.

`plan.py` is the table of contents; `refusals.py` says what is refused before anything exists;
`difference.py` compares an intent with what lives in the cluster. Intents are written fully
defaulted and canonical, so that the live object of an untouched intent equals it.
"""
