# pragma version ~=0.4.0
"""
@title Multi-transfer
@notice Pays many receivers in one transaction, and each batch of a payer once only.
@dev A payer names each batch. Whatever happens between signing and confirmation (a crash, a reorganisation,
     a transaction signed anew under another nonce), the second transaction of a batch reverts.
"""

from ethereum.ercs import IERC20

MAX_PAYMENTS: public(constant(uint256)) = 1024

token: public(immutable(IERC20))
isPaid: public(HashMap[address, HashMap[bytes32, bool]])


event BatchPaid:
    payer: indexed(address)
    batch: indexed(bytes32)


@deploy
def __init__(paid_in: IERC20):
    token = paid_in


@external
def payOnce(
    batch: bytes32,
    receivers: DynArray[address, MAX_PAYMENTS],
    amounts: DynArray[uint256, MAX_PAYMENTS],
):
    """
    @notice Move each amount from the caller to its receiver; all of them or none.
    @dev The caller must have approved this contract for the sum.
    """
    assert len(receivers) == len(amounts), "as many receivers as amounts"
    assert not self.isPaid[msg.sender][batch], "batch is paid already"
    self.isPaid[msg.sender][batch] = True
    for index: uint256 in range(len(receivers), bound=MAX_PAYMENTS):
        moved: bool = extcall token.transferFrom(msg.sender, receivers[index], amounts[index])
        assert moved, "token refused the transfer"
    log BatchPaid(payer=msg.sender, batch=batch)
