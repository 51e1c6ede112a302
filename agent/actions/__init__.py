"""What the agent can do: one file per action type, each safe to run twice.

A new action is a new file, a line in `registry.py` and a line on the policy page; without the latter it waits for a
person as high risk.
"""
