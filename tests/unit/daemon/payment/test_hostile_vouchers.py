"""A payer that lies with vouchers: nothing is settled by them, and nothing that was promised is lost."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from golemnet.chain.batch import Payout
from golemnet.chain.rpc import JsonRpc
from golemnet.chain.vouchers import Domain, Voucher
from golemnet.daemon.payment.messages import PAYMENT, PAYMENT_DOCUMENT, PartBody, PaymentBody, pack
from golemnet.daemon.payment.paying import with_voucher
from golemnet.daemon.payment.store import INVOICE
from golemnet.model.documents import sign
from golemnet.model.keys import NodeKey
from golemnet.model.money import to_wei
from golemnet.net.errors import RemoteError
from golemnet.rest.payment import InitAccount

from .test_vouchers import VOUCHER, agree, pay

pytestmark = [pytest.mark.chain, pytest.mark.timeout(60)]
HALF = Decimal("0.5")
FAR = timedelta(days=60)


class Liar:
    """Speaks for the requestor without its daemon: signs what it likes, and deposits or not."""

    def __init__(self, requestor, provider, chain):
        self.requestor, self.provider = requestor, provider
        self.domain = Domain(chain.file.chain_id, chain.file.vouchers)
        self.contract = requestor.payments.wallet.vouchers()

    async def deposit(self, amount):
        payout = Payout(str(self.provider.id), to_wei(Decimal(amount)))
        await self.contract.deposit_once(f"{amount} {datetime.now(UTC)}", [payout], 10)

    def notice(self, number, cumulative, *, life=FAR, domain=None, key=None, amount=HALF):
        me, expiry = str(self.requestor.id), int((datetime.now(UTC) + life).timestamp())
        voucher = Voucher(me, str(self.provider.id), to_wei(Decimal(cumulative)), expiry)
        signed = (domain or self.domain).sign(voucher, key or self.requestor.key)
        body = PaymentBody(
            id=f"payment {number} {cumulative} {life}",
            payer_id=me,
            payee_id=str(self.provider.id),
            payer_addr=me,
            payee_addr=str(self.provider.id),
            platform=VOUCHER,
            amount=amount,
            parts=[PartBody(agreement_id=f"{number}", activity_id=None, amount=amount)],
            transaction_hash="",
            timestamp=datetime.now(UTC),
        )
        return with_voucher(body, signed)

    async def answer(self, body, sender=None):
        """What the provider says to the notice: the code and the reason of its refusal, or nothing."""
        sender = sender or self.requestor
        signed = pack(sign(PAYMENT_DOCUMENT, body, sender.key))
        try:
            await sender.payments._network.call(self.provider.id, PAYMENT, signed, timeout_s=5)
        except RemoteError as error:
            return error.code, str(error)
        return None

    async def nothing_is_settled(self):
        states = {each.state for each in await self.provider.payments.claims(INVOICE, None, None)}
        assert await self.provider.payments.payments(None, None, 0) == []
        return "SETTLED" not in states


@pytest.fixture
async def liar(world, requestor, provider, chain):
    agree(world, requestor, provider, 1)
    await provider.invoice(HALF, agreement_id="1", activity_ids=("a1",))
    return Liar(requestor, provider, chain)


async def test_honest_notice_of_this_hand_is_believed_once(liar):
    await liar.deposit(1)
    notice = liar.notice(1, HALF)
    assert await liar.answer(notice) is None
    assert await liar.answer(notice) is None
    assert len(await liar.provider.payments.payments(None, None, 0)) == 1


@pytest.mark.parametrize("lie", ["forged", "another chain", "another contract", "raised", "renamed"])
async def test_signature_that_is_not_the_payers_for_this_contract(liar, lie):
    await liar.deposit(1)
    domain = liar.domain
    honest = liar.notice(1, HALF)
    assert honest.voucher is not None
    lies = {
        "forged": liar.notice(1, HALF, key=NodeKey.generate()),
        "another chain": liar.notice(1, HALF, domain=Domain(1, domain.contract)),
        "another contract": liar.notice(1, HALF, domain=Domain(domain.chain_id, "0x" + "1" * 40)),
        "raised": msgspec.structs.replace(
            honest, voucher=msgspec.structs.replace(honest.voucher, cumulative=Decimal(1))
        ),
        "renamed": msgspec.structs.replace(honest, transaction_hash="0x" + "1" * 64),
    }
    code, why = await liar.answer(lies[lie])
    assert code == "refused"
    assert ("names another voucher" if lie == "renamed" else "not signed by its payer") in why
    assert await liar.nothing_is_settled()


@pytest.mark.parametrize(
    "fields",
    [{"signature": b"short"}, {"expiry": -1}, {"expiry": 2**63}, {"cumulative": Decimal(-1)}],
    ids=lambda fields: next(iter(fields)),
)
async def test_nonsense_is_refused_and_not_an_accident(liar, fields):
    await liar.deposit(1)
    honest = liar.notice(1, HALF)
    lie = msgspec.structs.replace(honest, voucher=msgspec.structs.replace(honest.voucher, **fields))
    code, _ = await liar.answer(lie)
    assert code == "refused"
    assert await liar.nothing_is_settled()


async def test_voucher_that_expires_too_soon(liar):
    await liar.deposit(1)
    code, why = await liar.answer(liar.notice(1, HALF, life=timedelta(days=1)))
    assert (code, "must be good for 14 days" in why) == ("refused", True)
    assert await liar.nothing_is_settled()


async def test_voucher_without_the_deposit_behind_it_waits_for_it(liar):
    code, why = await liar.answer(liar.notice(1, HALF))
    assert (code, "is good for 0 GLM" in why) == ("not-yet", True)
    await liar.deposit("0.4")
    assert (await liar.answer(liar.notice(1, HALF)))[0] == "not-yet"
    assert await liar.nothing_is_settled()
    await liar.deposit("0.1")
    assert await liar.answer(liar.notice(1, HALF)) is None


async def test_deposit_that_is_being_withdrawn_backs_nothing(liar, chain, monkeypatch):
    await liar.deposit(1)
    await liar.contract.give_notice([str(liar.provider.id)], 10)
    monkeypatch.setattr("golemnet.daemon.payment.vouchers_taken.MARGIN", timedelta(days=2))
    code, why = await liar.answer(liar.notice(1, HALF))
    assert (code, "is taking back the deposit" in why) == ("not-yet", True)

    rpc = JsonRpc(chain.file.rpc_url)
    await rpc.call("evm_increaseTime", 24 * 3600 + 1)
    await rpc.call("evm_mine")
    await rpc.close()
    ends = (await liar.contract.standing(str(liar.requestor.id), str(liar.provider.id))).notice_ends
    await liar.contract.withdraw([str(liar.provider.id)], [ends], 10)
    assert "is good for 0 GLM" in (await liar.answer(liar.notice(1, HALF)))[1]
    assert await liar.nothing_is_settled()


@pytest.mark.parametrize("cumulative", ["0.5", "0.4", "0.999999999999999999"])
async def test_replayed_or_lower_voucher_pays_no_second_invoice(world, liar, cumulative):
    await liar.deposit(2)
    assert await liar.answer(liar.notice(1, HALF)) is None
    agree(world, liar.requestor, liar.provider, 2)
    second = await liar.provider.invoice(HALF, agreement_id="2", activity_ids=("a2",))

    code, why = await liar.answer(liar.notice(2, cumulative, life=FAR + timedelta(days=1)))

    assert (code, "1.0 are claimed of it" in why) == ("refused", True)
    assert (await liar.provider.payments.claim(INVOICE, second.id)).state == "RECEIVED"
    assert await liar.answer(liar.notice(2, 1)) is None
    assert (await liar.provider.payments.claim(INVOICE, second.id)).state == "SETTLED"


async def test_voucher_of_somebody_else_pays_nothing(world, liar, new_side):
    await liar.deposit(1)
    async with new_side().running() as thief:
        agree(world, thief, liar.provider, 1)
        stolen = msgspec.structs.replace(liar.notice(1, HALF), payer_id=str(thief.id))
        assert (await liar.answer(stolen, thief))[0] == "refused"
        own = msgspec.structs.replace(stolen, payer_addr=str(thief.id))
        assert "not signed by its payer" in (await liar.answer(own, thief))[1]
    assert await liar.nothing_is_settled()


@pytest.mark.parametrize("promised", ["by voucher", "by transaction"])
async def test_agreement_is_paid_on_the_platform_that_it_names(world, liar, promised):
    await liar.deposit(1)
    notice = liar.notice(1, HALF)
    if promised == "by voucher":
        lie = msgspec.structs.replace(notice, voucher=None)
    else:
        world.agree(liar.requestor.id, liar.provider.id, agreement_id="1", activities=("a1",))
        lie = notice
    code, why = await liar.answer(lie)
    assert (code, "the agreement's platform is" in why) == ("refused", True)
    assert await liar.nothing_is_settled()


async def test_voucher_that_comes_with_a_notice_is_redeemed_at_once(liar):
    await liar.provider.payments.init(InitAccount())
    await liar.deposit(1)
    await liar.contract.give_notice([str(liar.provider.id)], 10)
    assert await liar.answer(liar.notice(1, HALF)) is None
    await liar.provider.until_balance(1000 + HALF)


async def test_notice_after_honest_payments_costs_the_payee_nothing(world, liar):
    """The payer pays, then announces that it takes all back: the payee redeems what it has."""
    requestor, provider = liar.requestor, liar.provider
    await provider.payments.init(InitAccount())
    allocation = await requestor.allocate(2, payment_platform=VOUCHER)
    await pay(world, requestor, provider, 5, "0.5", allocation)
    await liar.contract.give_notice([str(provider.id)], 10)

    assert await provider.payments.taken_vouchers.redeem_due() == HALF
    assert await provider.balance() == 1000 + HALF
