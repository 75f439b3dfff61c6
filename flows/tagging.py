"""The tag of every flow run that sends heartbeats."""

TAG = "trilla"
"""Tag of a flow run that sends heartbeats: the crash automation matches the runs that have it."""
