"""Made-up installations that the browser looks at, written straight into a database and into its artifact store.

Whatever they hold is as production would have written it, at times relative to one `now`; nothing here waits, asks an
API or runs the agent. `furnished.py` puts a whole one together, `questions.py` what people are asked.
"""
