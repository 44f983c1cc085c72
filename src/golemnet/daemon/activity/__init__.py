"""golemnet daemon/activity"""
