"""The short way in: functions and commands on many machines. ``from golemnet import Golem``."""
