"""The calls of the dashboard by noun: one small class for each, given the client's `ask` and `send`."""
