"""`steward bench serving`: our server, its peers and a bare echo on one machine, one model and one core each.

`figures.py` and `bars.py` are pure; everything else starts processes. Nothing of the peers is imported here: they run
in an environment of their own.
"""
