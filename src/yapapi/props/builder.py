"""Putting demands together."""

from golemnet.requestor.published.demand_builder import AutodecoratingModel, DemandBuilder, DemandDecorator

__all__ = ["AutodecoratingModel", "DemandBuilder", "DemandDecorator"]
