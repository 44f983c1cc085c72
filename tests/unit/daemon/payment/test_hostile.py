"""A counterpart that lies: each lie is refused, with the reason, and moves nothing."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from golemnet.chain.chain_file import read_chain_file, write_chain_file
from golemnet.chain.contract import Contract
from golemnet.chain.ethereum import Ethereum
from golemnet.chain.mined import mined
from golemnet.chain.rpc import JsonRpc
from golemnet.daemon.payment.messages import (
    ACCEPT,
    ACCEPTANCE_DOCUMENT,
    CANCEL,
    CANCELLATION_DOCUMENT,
    CLAIM,
    CLAIM_DOCUMENT,
    FAIL,
    FAILURE_DOCUMENT,
    PAYMENT,
    PAYMENT_DOCUMENT,
    AcceptanceBody,
    CancellationBody,
    ClaimBody,
    FailureBody,
    PartBody,
    PaymentBody,
    pack,
)
from golemnet.daemon.payment.store import DEBIT_NOTE, INVOICE
from golemnet.model.documents import sign
from golemnet.model.keys import NodeKey
from golemnet.net.errors import RemoteError
from golemnet.rest.payment import InitAccount
from golemnet.testing.anvil_chain import AnvilChain

pytestmark = pytest.mark.chain
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLATFORM = "erc20-holesky-tglm"
WEI = Decimal("0.000000000000000001")


async def refused(sender, receiver, method, document, *, key=None, kind=None):
    """The reason by which ``receiver`` refuses a document that ``sender`` sends, signed by ``key``."""
    kinds = {
        ClaimBody: CLAIM_DOCUMENT,
        AcceptanceBody: ACCEPTANCE_DOCUMENT,
        CancellationBody: CANCELLATION_DOCUMENT,
        FailureBody: FAILURE_DOCUMENT,
        PaymentBody: PAYMENT_DOCUMENT,
    }
    signed = pack(sign(kind or kinds[type(document)], document, key or sender.key))
    with pytest.raises(RemoteError) as caught:
        await sender.payments._network.call(receiver.id, method, signed, timeout_s=5)
    assert caught.value.code == "refused"
    return str(caught.value)


def claim(requestor, provider, amount, **more):
    honest = ClaimBody(
        id="the claim",
        kind=INVOICE,
        agreement_id="agreement",
        issuer_id=str(provider.id),
        recipient_id=str(requestor.id),
        payee_addr=str(provider.id),
        payer_addr=str(requestor.id),
        platform=PLATFORM,
        amount=Decimal(amount),
        activity_ids=["activity"],
        timestamp=NOW,
    )
    return msgspec.structs.replace(honest, **more)


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        ({"amount": Decimal(2)}, "it asks for 2 GLM, the agreement's prices justify at most 1.1"),
        ({"kind": DEBIT_NOTE, "amount": Decimal(2), "usage": [100.0, 0.0]}, "justify at most 0.6"),
        ({"kind": DEBIT_NOTE, "usage": [1e300, 0.0], "amount": Decimal(2)}, "justify at most 1.1"),
        ({"amount": Decimal(10) ** 30}, "more than there can ever be"),
        ({"amount": Decimal("-1")}, "negative"),
        ({"amount": WEI / 10}, "more than 18 places"),
        ({"amount": Decimal("NaN")}, "Refused"),
        ({"amount": Decimal("Infinity")}, "Refused"),
        ({"platform": "erc20-polygon-glm"}, f"the agreement's platform is {PLATFORM}"),
        ({"payee_addr": "0x" + "1" * 40}, "the agreement's payee is"),
        ({"payer_addr": "0x" + "1" * 40}, "the agreement's payer is"),
        ({"issuer_id": "0x" + "1" * 40}, "the issuer is not the agreement's provider"),
        ({"agreement_id": "another"}, "no such agreement"),
        ({"activity_ids": ["activity", "invented"]}, "no activity"),
        ({"kind": "gift"}, "no kind of claim"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_false_claim_is_refused_with_the_reason(world, requestor, provider, lie, reason):
    world.agree(requestor.id, provider.id)
    document = msgspec.structs.replace(claim(requestor, provider, "0.5"), **lie)

    assert reason in await refused(provider, requestor, CLAIM, document)
    assert await requestor.payments.claims(INVOICE, None, None) == []
    assert await requestor.payments.claims(DEBIT_NOTE, None, None) == []


async def test_claim_that_another_key_has_signed_is_refused(world, requestor, provider):
    world.agree(requestor.id, provider.id)
    honest = claim(requestor, provider, "0.5")

    await refused(provider, requestor, CLAIM, honest, key=NodeKey.generate())
    await refused(provider, requestor, CLAIM, honest, kind=PAYMENT_DOCUMENT)


async def test_replayed_claim_is_one_claim_and_another_one_of_its_id_is_refused(world, requestor, provider):
    world.agree(requestor.id, provider.id)
    invoice = await provider.invoice("0.5")
    for _ in range(3):
        await provider.payments._network.call(requestor.id, CLAIM, invoice.signed, timeout_s=5)

    assert len(await requestor.payments.claims(INVOICE, None, None)) == 1
    other = claim(requestor, provider, "0.6", id=invoice.id)
    assert "another claim has this id" in await refused(provider, requestor, CLAIM, other)
    second = claim(requestor, provider, "0.5", id="second")
    assert "has an invoice already" in await refused(provider, requestor, CLAIM, second)


async def test_claim_shown_by_a_stranger_is_refused(world, requestor, provider, new_side):
    world.agree(requestor.id, provider.id)
    async with new_side().running() as stranger:
        document = claim(requestor, provider, "0.5")
        await refused(stranger, requestor, CLAIM, document, key=provider.key)


async def test_lies_about_an_acceptance_are_refused(world, requestor, provider, new_side):
    world.agree(requestor.id, provider.id)
    invoice = await provider.invoice("0.5")
    promise = AcceptanceBody(
        claim_id=invoice.id, agreement_id="agreement", amount=invoice.amount, timestamp=NOW
    )
    less = msgspec.structs.replace(promise, amount=WEI)

    assert "the claim is for 0.5 GLM" in await refused(requestor, provider, ACCEPT, less)
    async with new_side().running() as stranger:
        assert "no such claim was issued to that node" in await refused(stranger, provider, ACCEPT, promise)
    cancellation = CancellationBody(claim_id=invoice.id, agreement_id="agreement", timestamp=NOW)
    await requestor.accept(invoice, await requestor.allocate(1))
    assert "cannot be cancelled" in await refused(provider, requestor, CANCEL, cancellation)


async def test_what_is_said_of_a_failure_is_noted_once_and_changes_no_promise(
    world, requestor, provider, new_side
):
    world.agree(requestor.id, provider.id)
    requestor.payments._paying._gather_s = 60
    invoice = await provider.invoice("0.5")
    await requestor.accept(invoice, await requestor.allocate(1))
    await provider.until(invoice, "ACCEPTED")
    failure = FailureBody(claim_id=invoice.id, agreement_id="agreement", reason="x" * 5000, timestamp=NOW)
    async with new_side().running() as stranger:
        assert "no such claim was issued to that node" in await refused(stranger, provider, FAIL, failure)
    for reason in ("x" * 5000, "another one"):
        said = msgspec.structs.replace(failure, reason=reason)
        signed = pack(sign(FAILURE_DOCUMENT, said, requestor.key))
        await requestor.payments._network.call(provider.id, FAIL, signed, timeout_s=5)

    kept = await provider.payments.claim(INVOICE, invoice.id)
    assert (kept.state, kept.problem) == ("ACCEPTED", "x" * 1000)
    wanted = [("provider", "FAILED")]
    events = await provider.payments.events(
        INVOICE, wanted, after=None, limit=10, app_session_id=None, timeout_s=0
    )
    assert len(events) == 1


async def paid(world, requestor, provider, amount="0.5"):
    """An honest payment, as the payer's notice tells it."""
    world.agree(requestor.id, provider.id)
    invoice = await provider.invoice(amount)
    await requestor.accept(invoice, await requestor.allocate(1))
    await provider.until(invoice, "SETTLED")
    [(real, _)] = await requestor.payments.payments(None, None, 0)
    return PaymentBody(
        id="another",
        payer_id=str(requestor.id),
        payee_id=str(provider.id),
        payer_addr=str(requestor.id),
        payee_addr=str(provider.id),
        platform=PLATFORM,
        amount=Decimal(amount),
        parts=[PartBody(agreement_id="agreement", activity_id=None, amount=Decimal(amount))],
        transaction_hash=real.transaction_hash,
        timestamp=NOW,
    )


async def test_transaction_is_counted_once_however_often_it_is_told(world, requestor, provider):
    notice = await paid(world, requestor, provider)

    reason = await refused(requestor, provider, PAYMENT, notice)
    assert reason.endswith(
        "the transaction moves 500000000000000000 wei to us, 1000000000000000000 are claimed of it."
    )
    assert len(await provider.payments.payments(None, None, 0)) == 1


async def test_transaction_of_other_people_pays_nothing(world, requestor, provider, new_side):
    notice = await paid(world, requestor, provider)
    async with new_side().running() as thief:
        world.agree(thief.id, provider.id, agreement_id="theft", activities=("stolen",))
        stolen = msgspec.structs.replace(
            notice,
            payer_id=str(thief.id),
            payer_addr=str(thief.id),
            parts=[PartBody(agreement_id="theft", activity_id=None, amount=Decimal("0.5"))],
        )
        assert "the transaction moves 0 wei" in await refused(thief, provider, PAYMENT, stolen)
        lent = msgspec.structs.replace(stolen, payer_addr=str(requestor.id))
        assert "the agreement's payer is" in await refused(thief, provider, PAYMENT, lent)


@pytest.mark.parametrize("token", ["another", "none"])
async def test_payment_in_another_token_pays_nothing(world, requestor, provider, chain, token):
    """The transaction succeeds and moves an amount from payer to payee, but not of our token."""
    notice = await paid(world, requestor, provider)
    rpc, reader = JsonRpc(chain.file.rpc_url), Ethereum(chain.file)
    faucet = chain.file.faucet.address
    deployed = await reader.send_unlocked(faucet, None, Contract.load("token").deployment())
    await mined(reader, deployed, 10)
    fake = (await rpc.call("eth_getTransactionReceipt", deployed))["contractAddress"]
    await rpc.call("anvil_impersonateAccount", str(requestor.id))
    gift = Contract.load("token").call("transfer", str(provider.id), 10**18)
    made = await reader.send_unlocked(str(requestor.id), fake, Contract.load("token").call("create"))
    await mined(reader, made, 10)
    if token == "another":
        hash_ = await reader.send_unlocked(str(requestor.id), fake, gift)
    else:
        hash_ = await reader.send_unlocked(str(requestor.id), str(provider.id), b"", 10**18)
    await mined(reader, hash_, 10)

    false = msgspec.structs.replace(notice, transaction_hash=hash_)
    assert "the transaction moves 0 wei" in await refused(requestor, provider, PAYMENT, false)
    await asyncio.gather(rpc.close(), reader.close())


async def test_payment_on_another_chain_is_not_believed(world, requestor, new_side, chain, tmp_path):
    async with AnvilChain(tmp_path / "other") as other:
        provider = new_side()
        provider.chain_file = other.path
        world.agree(requestor.id, provider.id)
        async with provider.running():
            invoice = await provider.invoice("0.5")
            await requestor.accept(invoice, await requestor.allocate(1))
            await requestor.until(invoice, "SETTLED")
            await provider.until(invoice, "ACCEPTED")
            assert await provider.payments.payments(None, None, 0) == []
            assert await provider.balance() == 0


async def test_endpoint_of_another_chain_is_not_paid_on(
    world, requestor, provider, new_side, chain, tmp_path
):
    wrong = msgspec.structs.replace(read_chain_file(chain.path), chain_id=1)
    side = new_side()
    side.chain_file = tmp_path / "wrong.json"
    write_chain_file(side.chain_file, wrong)
    async with side.running():
        with pytest.raises(Exception, match="number 91738, not 1"):
            await side.payments.init(InitAccount())


async def test_dust_is_paid_to_the_wei(world, requestor, provider):
    await paid(world, requestor, provider, str(WEI))
    assert await provider.balance() == WEI


@pytest.mark.parametrize(
    "parts",
    [
        [Decimal("0.5"), WEI],
        [Decimal(10) ** 27, Decimal("0.5")],
        [Decimal(10) ** 27, WEI, WEI],
    ],
)
async def test_parts_must_add_up_to_the_wei_also_where_they_are_huge(world, requestor, provider, parts):
    notice = await paid(world, requestor, provider)
    lie = msgspec.structs.replace(
        notice,
        amount=parts[0],
        parts=[PartBody(agreement_id="agreement", activity_id=None, amount=each) for each in parts],
    )
    assert "its parts add up to" in await refused(requestor, provider, PAYMENT, lie)


async def test_two_claims_of_one_agreement_are_not_paid_twice(world, requestor, provider):
    world.agree(requestor.id, provider.id)
    allocation = await requestor.allocate(5)
    invoice = await provider.invoice("0.5")
    await asyncio.gather(*(requestor.accept(invoice, allocation) for _ in range(5)))
    await provider.until(invoice, "SETTLED")

    late = claim(requestor, provider, "0.6", kind=DEBIT_NOTE, usage=[100.0, 0.0], due=NOW)
    assert "it pays for everything" in await refused(provider, requestor, CLAIM, late)
    assert await provider.balance() == Decimal("0.5")
