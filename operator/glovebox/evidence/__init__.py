"""The evidence of an experiment: artifacts' list, signed statement, verification of both.

All of it is pure.
"""
