"""golemnet net"""
