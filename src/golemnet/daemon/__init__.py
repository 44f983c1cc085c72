"""golemnet daemon"""
