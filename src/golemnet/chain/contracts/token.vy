# pragma version ~=0.4.0
"""
@title Test GLM
@notice An ERC-20 token of 18 decimals for chains that carry no real value: its faucet mints for anybody.
"""

from ethereum.ercs import IERC20

implements: IERC20

event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    value: uint256

event Approval:
    owner: indexed(address)
    spender: indexed(address)
    value: uint256

FAUCET_AMOUNT: public(constant(uint256)) = 1000 * 10 ** 18

name: public(constant(String[32])) = "Test Golem Network Token"
symbol: public(constant(String[8])) = "tGLM"
decimals: public(constant(uint8)) = 18

totalSupply: public(uint256)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])


@external
def transfer(receiver: address, amount: uint256) -> bool:
    """
    @notice Move `amount` from the caller to `receiver`; reverts if the caller has less.
    """
    self._move(msg.sender, receiver, amount)
    return True


@external
def transferFrom(owner: address, receiver: address, amount: uint256) -> bool:
    """
    @notice Move `amount` that `owner` has approved for the caller; an approval of the maximum is not used up.
    """
    approved: uint256 = self.allowance[owner][msg.sender]
    if approved != max_value(uint256):
        self._approve(owner, msg.sender, approved - amount)
    self._move(owner, receiver, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    """
    @notice Let `spender` move up to `amount` of the caller's tokens.
    """
    self._approve(msg.sender, spender, amount)
    return True


@external
def create():
    """
    @notice Mint the faucet's amount for the caller.
    """
    self._mint(msg.sender, FAUCET_AMOUNT)


@external
@payable
def give(receiver: address):
    """
    @notice Mint the faucet's amount for `receiver` and hand on the gas money that came with the call.
    """
    self._mint(receiver, FAUCET_AMOUNT)
    if msg.value > 0:
        send(receiver, msg.value)


@internal
def _move(sender: address, receiver: address, amount: uint256):
    assert receiver != empty(address), "receiver is the zero address"
    assert self.balanceOf[sender] >= amount, "not enough tokens"
    self.balanceOf[sender] -= amount
    self.balanceOf[receiver] += amount
    log Transfer(sender=sender, receiver=receiver, value=amount)


@internal
def _approve(owner: address, spender: address, amount: uint256):
    self.allowance[owner][spender] = amount
    log Approval(owner=owner, spender=spender, value=amount)


@internal
def _mint(receiver: address, amount: uint256):
    self.totalSupply += amount
    self.balanceOf[receiver] += amount
    log Transfer(sender=empty(address), receiver=receiver, value=amount)
