"""Large tables: rows are chosen by their numbers and read block by block, and no process holds all rows."""
