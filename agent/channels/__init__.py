"""Ways out of the house, one a file: each sends one message to one place, and may be asked to send it again.

A channel knows no other channel and writes no row. What it raises is in words of ours: an address is a secret, and
libraries put it into their errors.
"""
