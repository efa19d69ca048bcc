"""The demonstration: from nothing to a sealed namespace, with real data, in one command.

`script.py` is the table of contents: every step in its order. `run.py` plays it. The other files
each hold one chapter.
"""
