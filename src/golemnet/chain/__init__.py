"""golemnet chain"""
