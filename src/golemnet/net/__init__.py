"""Messages and streams between nodes, by node id, authenticated and encrypted end to end."""
