"""Named data sets and users' own tables: found, read, checked, cleaned, and kept as one Parquet file."""
