"""The data checks of one window, one kind a file. Pure: columns in, checks out; nothing here reads or writes.

`column.py` is what they share: a column beside its reference. `data_quality.py` next door runs them all.
"""
