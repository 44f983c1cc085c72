"""golemnet daemon/routes"""
