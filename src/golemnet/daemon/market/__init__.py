"""golemnet daemon/market"""
