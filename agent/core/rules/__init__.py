"""One rule per cause, one file per rule: pure functions from signals to a finding with numbers for and against.

A new rule is a new file and one line in `registry.py`. A rule never sees a session, a clock or another rule.
"""
