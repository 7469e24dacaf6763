"""The demo: a conversation told step by step, each step from what the log says of it.

`script.py` has what is said and done, `story.py` the steps, `stage.py` how a step is told and
checked, `worker.py` the process that is killed, `ending.py` what is done with the log afterwards.
"""
