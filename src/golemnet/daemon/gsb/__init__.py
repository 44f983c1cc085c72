"""golemnet daemon/gsb"""
