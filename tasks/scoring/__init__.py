"""Predictions for tables larger than memory: each piece of the table becomes one part of a folder of predictions."""
