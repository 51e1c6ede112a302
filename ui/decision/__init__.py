"""The thinking behind the decision page, a file for each of its questions: values in, sentences out.

No Streamlit, no HTTP and no clock in here; `ui/decision_*.py` draw it.
"""
