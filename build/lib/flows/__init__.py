"""What runs, in what order."""
