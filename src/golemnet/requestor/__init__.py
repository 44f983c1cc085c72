"""golemnet requestor"""
