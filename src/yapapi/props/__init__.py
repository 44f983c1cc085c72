"""Properties of demands and offers."""

from golemnet.requestor.published.model_base import InvalidPropertiesError, Model, constraint, prop
from golemnet.requestor.published.models import Activity, ActivityKeys, NodeInfo, NodeInfoKeys

__all__ = [
    "Activity",
    "ActivityKeys",
    "InvalidPropertiesError",
    "Model",
    "NodeInfo",
    "NodeInfoKeys",
    "constraint",
    "prop",
]
