# pragma version ~=0.4.0
"""
@title Deposits
@notice Somebody (the funder) sets tokens aside that somebody else (the spender) may pay out, up to an amount and
        until a time. What is left goes back to the funder, the fee to the spender.
@dev An id is the funder's address in its upper 20 bytes and a number of the funder's choice in the lower 12.
     Percent fees are in units of a ten-thousandth.
"""

from ethereum.ercs import IERC20

MAX_PAYMENTS: public(constant(uint256)) = 256
FEE_UNITS: constant(uint256) = 10000


struct Deposit:
    spender: address
    amount: uint128
    fee: uint128
    validTo: uint64


token: public(immutable(IERC20))
deposits: HashMap[uint256, Deposit]
isPaid: public(HashMap[uint256, HashMap[bytes32, bool]])


event DepositCreated:
    id: indexed(uint256)
    spender: indexed(address)


event DepositExtended:
    id: indexed(uint256)


event DepositTransfer:
    id: indexed(uint256)
    spender: indexed(address)
    receiver: indexed(address)
    amount: uint256


event DepositBatch:
    id: indexed(uint256)
    batch: indexed(bytes32)


event DepositClosed:
    id: indexed(uint256)
    returned: uint256


@deploy
def __init__(paid_in: IERC20):
    token = paid_in


@external
def createDeposit(
    nonce: uint64, spender: address, amount: uint128, constFee: uint128, percentFee: uint64, validTo: uint64
) -> uint256:
    """
    @notice Set `amount` aside for `spender` until `validTo`, and a fee beside it.
    @dev The caller must have approved this contract for both. A number is used once.
    """
    id: uint256 = self._id(msg.sender, nonce)
    assert self.deposits[id].validTo == 0, "number was used"
    assert spender != empty(address) and amount != 0, "nobody or nothing"
    assert convert(validTo, uint256) > block.timestamp, "validity is over"
    fee: uint256 = convert(constFee, uint256) + (
        convert(amount, uint256) * convert(percentFee, uint256) // FEE_UNITS
    )
    self.deposits[id] = Deposit(spender=spender, amount=amount, fee=convert(fee, uint128), validTo=validTo)
    self._take(msg.sender, convert(amount, uint256) + fee)
    log DepositCreated(id=id, spender=spender)
    return id


@external
def extendDeposit(nonce: uint64, additional: uint128, validTo: uint64):
    """
    @notice Add to a deposit of the caller, and let it last longer.
    """
    id: uint256 = self._id(msg.sender, nonce)
    found: Deposit = self.deposits[id]
    assert found.spender != empty(address), "no such deposit"
    assert validTo >= found.validTo, "validity cannot be cut"
    self.deposits[id].amount = found.amount + additional
    self.deposits[id].validTo = validTo
    self._take(msg.sender, convert(additional, uint256))
    log DepositExtended(id=id)


@external
def depositSingleTransfer(id: uint256, receiver: address, amount: uint128):
    """
    @notice Pay out of a deposit; by its spender.
    """
    self._check_spender(id)
    self._pay(id, receiver, convert(amount, uint256))


@external
def depositTransfer(id: uint256, payments: DynArray[bytes32, MAX_PAYMENTS]):
    """
    @notice Pay many: each payment is 20 bytes of address and 12 bytes of amount.
    """
    self._check_spender(id)
    self._pay_all(id, payments)


@external
def depositTransferAndClose(id: uint256, payments: DynArray[bytes32, MAX_PAYMENTS]):
    """
    @notice Pay many, and give back the rest.
    """
    self._check_spender(id)
    self._pay_all(id, payments)
    self._close(id)


@external
def depositTransferOnce(id: uint256, batch: bytes32, payments: DynArray[bytes32, MAX_PAYMENTS]):
    """
    @notice Pay many, each batch of a deposit once only.
    """
    self._check_spender(id)
    assert not self.isPaid[id][batch], "batch is paid already"
    self.isPaid[id][batch] = True
    self._pay_all(id, payments)
    log DepositBatch(id=id, batch=batch)


@external
def closeDeposit(id: uint256):
    """
    @notice Give back the rest to the funder and the fee to the spender; by the spender.
    """
    assert self.deposits[id].spender == msg.sender, "not your deposit"
    self._close(id)


@external
def terminateDeposit(nonce: uint64):
    """
    @notice Take back the rest when the validity is over; by the funder.
    """
    id: uint256 = self._id(msg.sender, nonce)
    assert self.deposits[id].spender != empty(address), "no such deposit"
    assert convert(self.deposits[id].validTo, uint256) < block.timestamp, "deposit is valid"
    self._close(id)


@view
@external
def getDeposit(id: uint256) -> (address, uint128, uint128, uint64):
    """
    @notice Spender, what is left, fee and validity; no spender once it is closed.
    """
    found: Deposit = self.deposits[id]
    return found.spender, found.amount, found.fee, found.validTo


@internal
def _take(funder: address, amount: uint256):
    moved: bool = extcall token.transferFrom(funder, self, amount)
    assert moved, "token refused the transfer"


@view
@internal
def _check_spender(id: uint256):
    assert self.deposits[id].spender == msg.sender, "not your deposit"
    assert block.timestamp <= convert(self.deposits[id].validTo, uint256), "deposit is not valid any more"


@internal
def _pay_all(id: uint256, payments: DynArray[bytes32, MAX_PAYMENTS]):
    for payment: bytes32 in payments:
        packed: uint256 = convert(payment, uint256)
        self._pay(id, convert(packed >> 96, address), packed & convert(max_value(uint96), uint256))


@internal
def _pay(id: uint256, receiver: address, amount: uint256):
    assert amount <= convert(self.deposits[id].amount, uint256), "deposit has less"
    self.deposits[id].amount -= convert(amount, uint128)
    moved: bool = extcall token.transfer(receiver, amount)
    assert moved, "token refused the transfer"
    log DepositTransfer(id=id, spender=msg.sender, receiver=receiver, amount=amount)


@internal
def _close(id: uint256):
    found: Deposit = self.deposits[id]
    self.deposits[id] = Deposit(spender=empty(address), amount=0, fee=0, validTo=found.validTo)
    funder: address = convert(id >> 96, address)
    moved: bool = extcall token.transfer(funder, convert(found.amount, uint256))
    assert moved, "token refused the transfer"
    moved = extcall token.transfer(found.spender, convert(found.fee, uint256))
    assert moved, "token refused the transfer"
    log DepositClosed(id=id, returned=convert(found.amount, uint256))


@pure
@internal
def _id(funder: address, nonce: uint64) -> uint256:
    return (convert(funder, uint256) << 96) | convert(nonce, uint256)
