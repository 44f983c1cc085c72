"""golemnet testing"""
