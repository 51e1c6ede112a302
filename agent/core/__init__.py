"""How the agent thinks and keeps its books.

Pure, values in and values out: `signals`, `harm`, `rules/`, `diagnosis_engine`, `decision_engine`, `verifier`. The thin
shell around them: `observation` reads rows, `cycle` is one pass, `transitions` moves an action, `executor` runs it.
"""
