"""What DBSCAN is made of: regions with a halo in few dimensions, visiting blocks in many, shared scans."""
