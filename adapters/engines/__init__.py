"""Engines: what runs a turn. `scripted.py` plays a list of steps, described by `script.py`."""
