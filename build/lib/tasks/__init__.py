"""What a flow is made of: data, algorithms, search, evaluation, report."""
