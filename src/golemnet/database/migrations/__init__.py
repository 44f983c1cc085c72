"""The history of the schema: a numbered file a revision, applied when a daemon starts."""
