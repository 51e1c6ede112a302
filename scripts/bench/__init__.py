"""Benches: what is claimed about speed and size is measured here, on the machine at hand, and printed with its n."""
