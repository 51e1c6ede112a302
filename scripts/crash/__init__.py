"""The crash harness: workers die, fail and lose answers at named places, others resume, and a checker judges the rows.

What is checked stands in `checker.py` and knows nothing of how a run went. Nothing of the platform imports this.
"""
