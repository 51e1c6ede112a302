"""How the model, its inputs and its answers are: windows, drift, quality, trends.

What is chosen stands in the address (`controls.py`); sentences and rows are pure, blocks draw them.
"""
