"""golemnet runtime"""
