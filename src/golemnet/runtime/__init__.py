"""Running a stranger's program behind a wall: the driver interface, its drivers and the self-test."""
