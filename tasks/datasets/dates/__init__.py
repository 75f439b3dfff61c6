"""Dates and times as people write them: finding them in a column, reading them, and turning them into numbers."""
