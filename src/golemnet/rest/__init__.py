"""The REST contract between a daemon and its programs: one schema module a resource, and the client."""
