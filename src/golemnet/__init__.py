"""The Golem Network: a marketplace where computation is bought, run in isolation, and paid on a chain."""
