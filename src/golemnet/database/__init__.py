"""golemnet database"""
