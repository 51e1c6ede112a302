"""The answers of the API by noun, as this dashboard reads them: one file for what belongs together.

A field the dashboard does not use is left out, and one that the API adds later is ignored.
"""
