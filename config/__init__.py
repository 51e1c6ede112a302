"""What everyone may know, and what knows nobody: settings, model contracts, the agent's policy, logging.

Nothing here opens a connection, trains, serves or draws. A file of this room may import the standard library,
pydantic, PyYAML and Loguru, and no other room.
"""
