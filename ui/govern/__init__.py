"""Who may do what here, by which rules, and the log of all that was done.

The policy page is tried here and never written: it is a file that a deployment brings.
"""
