"""How fast is a training step?  Measured in processes of their own that take turns, and held against PyTorch's.

Read ``measure.py`` first: it starts the processes, has them check that they compute the same losses, and lets
them take turns.  ``processes.py`` is the line between it and them, ``worker.py`` what happens at their end.
"""
