"""The named questions, one file per noun: functions that take `session` first, and never commit."""
