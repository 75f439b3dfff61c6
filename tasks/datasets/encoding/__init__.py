"""Encoders that learn from the training rows of a fold how texts and very many columns become numbers."""
