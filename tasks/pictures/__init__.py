"""Pictures of a data set and of its best models, made where the data is."""
