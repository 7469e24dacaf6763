"""The events. These names, versions and fields are the storage format of every log ever written.

Change nothing here without a new schema version and an upcaster in `upcasts.py`; the snapshot test
of names and JSON schemas shows a reviewer what moved.
"""
