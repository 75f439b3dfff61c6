"""Parts of DBSCAN: regions with a halo in few dimensions, broadcast blocks in many, one scan for many settings."""
