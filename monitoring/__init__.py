"""Rows become judged numbers: windows, drift, data quality, realised and estimated performance, what a change did.

The judging is pure (rows, profile and contract in, figures out); `run_checks` is the process around it. Nothing here
decides or acts: it writes what it measured, how sure it is, and says so when it could not look.
"""
