"""Which offers are good enough."""

from golemnet.requestor.published.strategies import (
    DEBIT_NOTE_INTERVAL_GRACE_PERIOD,
    PROP_DEBIT_NOTE_ACCEPTANCE_TIMEOUT,
    PROP_DEBIT_NOTE_INTERVAL_SEC,
    PROP_PAYMENT_TIMEOUT_SEC,
    SCORE_NEUTRAL,
    SCORE_REJECTED,
    SCORE_TRUSTED,
    BaseMarketStrategy,
    DecreaseScoreForUnconfirmedAgreement,
    DummyMS,
    LeastExpensiveLinearPayuMS,
    MarketStrategy,
    PropValueRange,
    WrappingMarketStrategy,
)

__all__ = [
    "DEBIT_NOTE_INTERVAL_GRACE_PERIOD",
    "PROP_DEBIT_NOTE_ACCEPTANCE_TIMEOUT",
    "PROP_DEBIT_NOTE_INTERVAL_SEC",
    "PROP_PAYMENT_TIMEOUT_SEC",
    "SCORE_NEUTRAL",
    "SCORE_REJECTED",
    "SCORE_TRUSTED",
    "BaseMarketStrategy",
    "DecreaseScoreForUnconfirmedAgreement",
    "DummyMS",
    "LeastExpensiveLinearPayuMS",
    "MarketStrategy",
    "PropValueRange",
    "WrappingMarketStrategy",
]
