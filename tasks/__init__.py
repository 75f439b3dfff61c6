"""The parts that flows use: data, problems, algorithms, search, evaluation, report."""
