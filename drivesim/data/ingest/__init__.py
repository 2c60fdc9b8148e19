"""Conversion of footage of real drives into drive logs: `drivesim ingest`.

A module of `formats` reads the files and tables of one format and describes them as recordings (`recording.py`). A
child process with limits decodes each recording (`media`), brings it to the aspect and rate of drive logs
(`placement.py`, `timeline.py`), adds labels that it lacks (`labels`) and writes drive logs (`conversion`).
`session.py` runs all this in parallel over recordings; it can be resumed, and no single file can end it.
"""
