"""What must hold while PostgreSQL crashes, hangs, is slow or stays away, and while workers are killed and stopped.

Real processes, real HTTP, a PostgreSQL of its own. Nothing of the platform imports this.
"""
