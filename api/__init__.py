"""The HTTP edge: predictions for programs, and what the dashboard reads and decides.

`/predict` never waits for the database: what it answers is kept in a local spool first and shipped afterwards. Here
HTTP begins and ends: no other room knows a status code. Nothing here trains, monitors or diagnoses.
"""
