"""Images as data sets: they are downloaded, read, decoded and packed into one array."""
