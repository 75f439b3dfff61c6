"""Data sets of the catalogue and of users: located, read, checked, cleaned, and written as one Parquet file."""
