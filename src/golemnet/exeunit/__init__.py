"""The ExeUnit: runs one activity's scripts in an isolated environment and tells the daemon what happens."""
