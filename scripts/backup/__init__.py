"""Backups: made while everything runs, proved by restoring them, and restored without bringing old approvals to life.

`making` writes one, `place` opens and checks one, `restoring` puts one in place (`placing` its files), `settling` says
what of the restored state no longer counts, `proving` tries all of it on a throw-away server.
"""
