"""The shapes of the published API (0.13.1) over the engine: scripts written for it run as they stand."""
