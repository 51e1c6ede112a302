"""The pages of Grafana as code: `python -m scripts.grafana` writes docker/grafana/dashboards, and a test compares.

`panels.py` is the vocabulary, `frame.py` what stands around every page, and each page is a file of its own that only
says what is asked and what the answer means.
"""
