"""Files between programs and nodes: addresses, sharing, the link to the daemon, ``gftp server``."""
