"""`make soak`: a million answers under load while the API is killed again and again and the serving version changes.

`plan.py` is pure. What clients were told, line by line, is the other side of what is stored.
"""
