"""A period of a model as a PDF: what it says, its charts, its page, and where it is offered.

Everything from data is passed to the page as data, never pasted into its markup.
"""
