"""What stands in the database, for Prometheus: read when somebody scrapes, by the monitor alone and for everybody.

Each file reads one subject. Nothing here may cost much or wait long: counts and indexes, never the rows of predictions.
"""
