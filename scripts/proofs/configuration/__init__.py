"""Everything that is configuration and not code is held to its format, without the system it is for.

One module a kind of file, each with `faults(root)`: one sentence for each fault, naming file and place. A module says
first what it finds by itself and asks foreign tools last, so that a tool that is missing hides nothing.
"""
