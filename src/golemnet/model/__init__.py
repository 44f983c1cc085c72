"""golemnet model"""
