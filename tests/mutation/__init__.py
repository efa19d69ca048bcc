"""Takes each door away in turn and looks whether a test notices.

`python -m mutation` (`make mutate`).
"""
