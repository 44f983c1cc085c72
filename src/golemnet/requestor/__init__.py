"""The requestor's engine: tasks in, results out; between them market, workers, files and payments."""
