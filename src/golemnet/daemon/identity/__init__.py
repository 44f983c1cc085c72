"""golemnet daemon/identity"""
