"""A small clinic's installation, made up: what the dashboard's browser tests and its bench look at.

Everything is as production would have written it, at times relative to one `now`, straight into a database and its
artifact store. Nothing here waits, asks an API or runs the agent. `furnished.py` puts it together.
"""
