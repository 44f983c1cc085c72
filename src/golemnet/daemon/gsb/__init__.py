"""Programs that answer other nodes through this one: services of the bus API, and shared files."""
