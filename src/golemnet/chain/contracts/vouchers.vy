# pragma version ~=0.4.0
"""
@title Vouchers
@notice Holds what payers set aside for their payees, and gives it out for vouchers that the payers have signed.
@dev A voucher (EIP-712) says how much a payer has paid to a payee in all, since ever. A newer one replaces
     those before it, and only the difference to what was redeemed moves: replays and old vouchers give nothing.
     What is set aside for one payee backs vouchers to nobody else. The payer gets it back after a notice that
     leaves the payee time to redeem.
"""

from ethereum.ercs import IERC20

MAX_ITEMS: public(constant(uint256)) = 256
HALF_ORDER: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168
DOMAIN_TYPE: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
VOUCHER_TYPE: constant(bytes32) = keccak256(
    "Voucher(address payer,address payee,uint256 cumulative,uint256 expiry)"
)

token: public(immutable(IERC20))
notice: public(immutable(uint256))
deposits: public(HashMap[address, HashMap[address, uint256]])
redeemed: public(HashMap[address, HashMap[address, uint256]])
noticeEnds: public(HashMap[address, HashMap[address, uint256]])
isDone: public(HashMap[address, HashMap[bytes32, bool]])


event BatchDeposited:
    payer: indexed(address)
    batch: indexed(bytes32)


event Redeemed:
    payer: indexed(address)
    payee: indexed(address)
    amount: uint256


event NoticeGiven:
    payer: indexed(address)
    payee: indexed(address)
    ends: uint256


event Withdrawn:
    payer: indexed(address)
    payee: indexed(address)
    amount: uint256


@deploy
def __init__(paid_in: IERC20, notice_s: uint256):
    token = paid_in
    notice = notice_s


@external
def depositOnce(
    batch: bytes32,
    payees: DynArray[address, MAX_ITEMS],
    amounts: DynArray[uint256, MAX_ITEMS],
):
    """
    @notice Set each amount aside for its payee, once for each batch; takes back a notice that was given.
    @dev The caller must have approved this contract for the sum.
    """
    assert len(payees) == len(amounts), "as many payees as amounts"
    assert not self.isDone[msg.sender][batch], "batch is deposited already"
    self.isDone[msg.sender][batch] = True
    total: uint256 = 0
    for index: uint256 in range(len(payees), bound=MAX_ITEMS):
        self.deposits[msg.sender][payees[index]] += amounts[index]
        self.noticeEnds[msg.sender][payees[index]] = 0
        total += amounts[index]
    moved: bool = extcall token.transferFrom(msg.sender, self, total)
    assert moved, "token refused the transfer"
    log BatchDeposited(payer=msg.sender, batch=batch)


@external
def redeem(
    payers: DynArray[address, MAX_ITEMS],
    cumulatives: DynArray[uint256, MAX_ITEMS],
    expiries: DynArray[uint256, MAX_ITEMS],
    vs: DynArray[uint256, MAX_ITEMS],
    rs: DynArray[uint256, MAX_ITEMS],
    ss: DynArray[uint256, MAX_ITEMS],
):
    """
    @notice Pay the caller what vouchers to it promise and is not redeemed yet, as far as deposits reach.
    """
    count: uint256 = len(payers)
    assert len(cumulatives) == count and len(expiries) == count, "as many of each"
    assert len(vs) == count and len(rs) == count and len(ss) == count, "as many of each"
    total: uint256 = 0
    for index: uint256 in range(count, bound=MAX_ITEMS):
        payer: address = payers[index]
        assert block.timestamp <= expiries[index], "voucher has expired"
        assert ss[index] <= HALF_ORDER, "signature is malleable"
        digest: bytes32 = self._digest(payer, msg.sender, cumulatives[index], expiries[index])
        signer: address = ecrecover(digest, vs[index], rs[index], ss[index])
        assert signer == payer and payer != empty(address), "voucher is not signed by its payer"
        total += self._take(payer, msg.sender, cumulatives[index])
    moved: bool = extcall token.transfer(msg.sender, total)
    assert moved, "token refused the transfer"


@external
def giveNotice(payees: DynArray[address, MAX_ITEMS]):
    """
    @notice Announce that the caller takes back what it has set aside for these payees.
    """
    for payee: address in payees:
        if self.noticeEnds[msg.sender][payee] == 0:
            self.noticeEnds[msg.sender][payee] = block.timestamp + notice
            log NoticeGiven(payer=msg.sender, payee=payee, ends=block.timestamp + notice)


@external
def withdraw(payees: DynArray[address, MAX_ITEMS]):
    """
    @notice Take back what is left for these payees, whose notices are over.
    """
    total: uint256 = 0
    for payee: address in payees:
        ends: uint256 = self.noticeEnds[msg.sender][payee]
        assert ends != 0 and block.timestamp >= ends, "notice is not over"
        left: uint256 = self.deposits[msg.sender][payee]
        self.deposits[msg.sender][payee] = 0
        self.noticeEnds[msg.sender][payee] = 0
        total += left
        log Withdrawn(payer=msg.sender, payee=payee, amount=left)
    moved: bool = extcall token.transfer(msg.sender, total)
    assert moved, "token refused the transfer"


@view
@external
def digest(payer: address, payee: address, cumulative: uint256, expiry: uint256) -> bytes32:
    """
    @notice What the payer signs.
    """
    return self._digest(payer, payee, cumulative, expiry)


@internal
def _take(payer: address, payee: address, cumulative: uint256) -> uint256:
    done: uint256 = self.redeemed[payer][payee]
    if cumulative <= done:
        return 0
    amount: uint256 = min(cumulative - done, self.deposits[payer][payee])
    self.redeemed[payer][payee] = done + amount
    self.deposits[payer][payee] -= amount
    log Redeemed(payer=payer, payee=payee, amount=amount)
    return amount


@view
@internal
def _digest(payer: address, payee: address, cumulative: uint256, expiry: uint256) -> bytes32:
    domain: bytes32 = keccak256(
        abi_encode(DOMAIN_TYPE, keccak256("Golem vouchers"), keccak256("1"), chain.id, self)
    )
    voucher: bytes32 = keccak256(abi_encode(VOUCHER_TYPE, payer, payee, cumulative, expiry))
    return keccak256(concat(b"\x19\x01", domain, voucher))
