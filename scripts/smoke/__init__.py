"""`steward smoke`: does this deployment do what a stranger, a program and a person need of it?

It speaks HTTP alone, so it is the same against a container, Compose, Kubernetes or a hosting service. The checks of the
API stand in `api.py`, those of the dashboard in `dashboard.py`.
"""
