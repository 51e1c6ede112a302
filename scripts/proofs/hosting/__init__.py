"""A hosting service on this machine, for proofs and tests: Render's API in front of processes that really start.

What it knows of Render is what `scripts/delivery/render.py` asks of it; how a deploy goes on is in `services.py`, the
fixed address in front of changing processes in `forwarder.py`, and the API with its bad days in `server.py`.
"""
