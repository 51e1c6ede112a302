"""The laboratory: the agent's own thinking on simulated time, over tables whose future is known. Needs no database."""
