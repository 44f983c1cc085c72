"""Deposits that a node makes for another one: each once, nothing that is reserved, and by the command."""

import asyncio
import json
import re
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from aiohttp import web

from golemnet.chain.chain_file import write_chain_file
from golemnet.chain.errors import NoChain
from golemnet.chain.rpc import JsonRpc
from golemnet.cli import yagna
from golemnet.daemon.payment.allocations import _check_funds
from golemnet.daemon.routes import deposits as deposit_routes
from golemnet.daemon.routes import payment as payment_routes
from golemnet.rest.deposits import DepositExtension, NewDeposit
from golemnet.rest.errors import BadRequest, Conflict, Forbidden, NotFound
from golemnet.rest.payment import Deposit, InitAccount
from golemnet.testing.bad_chain import SEND
from golemnet.testing.faults import Life

from .deals import behind_bad_chain

pytestmark = [pytest.mark.chain, pytest.mark.timeout(60)]
SPENDER = "0x" + "5e" * 20
HOUR = timedelta(hours=1)


def wanted(amount="5", *, spender=SPENDER, lasts=HOUR, **more):
    return NewDeposit(spender=spender, amount=Decimal(amount), valid_to=datetime.now(UTC) + lasts, **more)


@pytest.fixture
async def funder(new_side):
    async with new_side().running() as side:
        await side.payments.init(InitAccount())
        yield side


async def transactions(side):
    return await side.payments.wallet.chain().nonce(str(side.id))


async def later(chain, lasts):
    """Let the chain's clock go on; it is behind by what the chain took to start, so by a minute more."""
    rpc = JsonRpc(chain.file.rpc_url)
    await rpc.call("evm_increaseTime", int(lasts.total_seconds()) + 60)
    await rpc.call("evm_mine")
    await rpc.close()


async def test_what_was_asked_for_is_made_once_however_often_it_is_asked_for(funder):
    funding = funder.payments.funding
    twice = await asyncio.gather(*(funding.create(wanted(fee=Decimal("0.5"))) for _ in range(2)))
    again = await funding.create(wanted(fee=Decimal("0.5"), lasts=2 * HOUR))

    assert {each.id for each in (*twice, again)} == {again.id}
    assert sorted(each.is_new for each in (*twice, again)) == [False, False, True]
    assert await funder.balance() == Decimal("994.5")
    assert await transactions(funder) == 2  # an approval and a deposit

    other = await funding.create(wanted(fee=Decimal("0.5"), number=2))
    assert other.id != again.id
    assert [each.id for each in await funder.payments.deposit_views.all()] == [again.id, other.id]
    assert await funder.balance() == 989
    assert await funder.payments.allocations.all() == []


async def make_and_fill(side):
    """A deposit of five that is filled up to eight."""
    made = await side.payments.funding.create(wanted())
    return await side.payments.funding.extend(made.id, DepositExtension(amount=Decimal(8)))


@pytest.mark.usefixtures("silence")
async def test_killed_at_any_moment_and_asked_again_it_is_made_and_filled_once(new_side, chain, tmp_path):
    async def deposit(ends_at):
        side = new_side()
        side.life = Life()
        async with behind_bad_chain(side, chain, tmp_path) as bad:
            async with side.running():
                await side.payments.init(InitAccount())
                bad.life = side.database._life = life = Life(ends_at)
                try:
                    await make_and_fill(side)
                except Exception:
                    assert life.over.is_set()
            bad.life = side.life = Life()
            async with side.running():
                assert (await make_and_fill(side)).amount == 8
                assert await side.balance() == 992
                assert len(await side.payments.deposit_views.all()) == 1
                assert await side.payments.allocations.reserved() == 0
                booked = [each for each in await side.payments.ledger() if each.document == "funding"]
                assert sorted(each.amount for each in booked) == [3, 5]
        return life

    whole = await deposit(None)
    # held, sent, noted; how a transaction is stored before it is sent is tried elsewhere
    step = re.compile(f"after .*(_store_if_covered|{SEND}|FundingBooks)")
    moments = [each for each in whole.passed if step.match(each)]
    await asyncio.gather(*(deposit(moment) for moment in moments))
    assert len(moments) >= 7


async def test_what_cannot_be_is_said_before_anything_is_spent(funder):
    for new, why in [
        (wanted("1000.000000000000000001"), "Not enough funds"),
        (wanted("999", fee=Decimal(2)), "Not enough funds"),
        (wanted(lasts=timedelta(seconds=-1)), "would be over before it is made"),
        (wanted(spender="house"), "'house' is no address"),
        (wanted(spender="0x" + "0" * 40), "would lose the tokens"),
        (wanted("0"), "nothing in a deposit of 0 GLM"),
        (wanted("80000000000"), "more than a deposit can hold"),
    ]:
        with pytest.raises(BadRequest, match=why):
            await funder.payments.funding.create(new)
    assert (await funder.balance(), await transactions(funder)) == (1000, 0)
    assert await funder.payments.allocations.all() == []


async def test_what_the_chain_lacks_is_said_before_anything_is_spent(funder, chain):
    own = wanted(spender=str(funder.id))
    with pytest.raises(BadRequest, match="this node itself"):
        await funder.payments.funding.create(own)

    rpc = JsonRpc(chain.file.rpc_url)
    await rpc.call("anvil_setBalance", str(funder.id), hex(10**12))
    await rpc.close()
    with pytest.raises(BadRequest, match=r"Not enough gas: .* ETH may be needed"):
        await funder.payments.funding.create(wanted())

    for missing in (None, "0x" + "12" * 20):
        write_chain_file(chain.path, msgspec.structs.replace(chain.file, deposits=missing))
        with pytest.raises(NoChain, match="has no contract"):
            await funder.payments.funding.create(wanted())
    write_chain_file(chain.path, chain.file)
    assert (await funder.balance(), await transactions(funder)) == (1000, 0)


async def test_deposit_never_takes_what_is_reserved(funder):
    await funder.allocate(996)
    with pytest.raises(BadRequest, match="5 GLM are asked for, 4 are free"):
        await funder.payments.funding.create(wanted())
    assert (await funder.payments.funding.create(wanted("4"))).amount == 4


async def test_extension_says_what_is_to_be_there_and_can_be_said_again(funder, chain):
    funding = funder.payments.funding
    made = await funding.create(wanted())
    longer = made.valid_to + HOUR
    for _ in range(2):
        extended = await funding.extend(made.id, DepositExtension(amount=Decimal(8), valid_to=longer))
        assert (extended.amount, extended.valid_to) == (8, longer)
    assert await funder.balance() == 992
    assert await transactions(funder) == 3

    with pytest.raises(BadRequest, match="cannot be cut"):
        await funding.extend(made.id, DepositExtension(valid_to=made.valid_to))
    with pytest.raises(BadRequest, match="Not enough funds"):
        await funding.extend(made.id, DepositExtension(amount=Decimal(1001)))
    with pytest.raises(NotFound):
        await funding.extend("0x1234", DepositExtension(amount=Decimal(8)))
    assert await funder.balance() == 992


async def test_only_what_is_over_comes_back_and_the_books_say_so(funder, requestor, chain, monkeypatch):
    funding = funder.payments.funding
    made = await funding.create(wanted(fee=Decimal(1), spender=str(requestor.id)))
    with pytest.raises(Conflict, match=r"valid until .* Until then only its spender"):
        await funding.terminate(made.id)
    with pytest.raises(Forbidden, match="Another node has made the deposit"):
        await requestor.payments.funding.terminate(made.id)
    await later(chain, HOUR)
    monkeypatch.setattr(funder.payments.funding._clock, "now", lambda: made.valid_to + timedelta(seconds=2))
    assert (await funder.payments.deposit_views.get(made.id)).state == "ended"
    with pytest.raises(Conflict, match=r"made before, and is ended.*--number 2"):
        await funding.create(wanted(fee=Decimal(1), spender=str(requestor.id), lasts=3 * HOUR))

    for _ in range(2):
        over = await funding.terminate(made.id)
        assert (over.state, over.amount, over.spender) == ("closed", 0, requestor.id)
    assert (await funder.balance(), await requestor.balance()) == (999, 1001)
    moved = [(each.document, each.amount) for each in await funder.payments.ledger()]
    assert moved == [("funding", 6), ("refund", 5)]
    for side in (funder, requestor):
        found = await side.payments.reconciling.verify()
        assert {each.kind for each in found} == {"note"}
        assert any("deposit" in each.what for each in found)


# -- the command -------------------------------------------------------------------------------------------


@pytest.fixture
def command(tmp_path, monkeypatch, capfd, silence):
    """The command at a side's door: status, standard output, standard error."""

    async def run(side, *arguments):
        async with _door(side, tmp_path / f"{side.id}"[-8:]) as directory:
            monkeypatch.setattr("sys.argv", ["yagna", *arguments, "-d", str(directory)])
            status = await asyncio.to_thread(_status)
        printed = capfd.readouterr()
        return status, printed.out, printed.err

    async def deposit(side, *arguments):
        status, out, err = await run(side, "payment", "deposit", *arguments, "--json")
        assert status == 0, err
        return json.loads(out)

    run.deposit = deposit
    return run


def _status():
    try:
        yagna.main()
    except SystemExit as error:
        return int(error.code or 0)
    return 0


@asynccontextmanager
async def _door(side, directory):
    """The routes of a node at the socket in ``directory``."""
    from .test_routes import errors

    async def me(_request):
        return web.json_response({"identity": str(side.id), "name": "side", "role": "manager"})

    application = web.Application(middlewares=[errors])
    application.add_routes(deposit_routes.routes(side.payments))
    application.add_routes(payment_routes.routes(side.payments))
    application.add_routes([web.get("/me", me)])
    runner = web.AppRunner(application)
    await runner.setup()
    directory.mkdir(exist_ok=True)
    await web.UnixSite(runner, str(directory / "yagna.sock")).start()
    try:
        yield directory
    finally:
        await runner.cleanup()


async def test_deposit_by_the_command_pays_for_what_another_node_has_bought(
    world, requestor, provider, funder, command
):
    asked = ("create", "--spender", str(requestor.id), "--amount", "3", "--fee", "0.25", "--for", "24h")
    made = await command.deposit(funder, *asked)
    status, out, err = await command(funder, "payment", "deposit", *asked)
    assert (status, made["id"] in out) == (0, True)
    assert "made before, and nothing was spent now" in err
    assert await funder.balance() == Decimal("996.75")

    allocation = await requestor.allocate(3, deposit=Deposit(id=made["id"], contract=made["contract"]))
    world.agree(requestor.id, provider.id)
    invoice = await provider.invoice("0.5")
    await requestor.accept(invoice, allocation)
    await provider.until(invoice, "SETTLED")
    assert (await provider.balance(), await requestor.balance()) == (Decimal("0.5"), 1000)

    [seen] = await command.deposit(requestor, "list")
    assert (seen["amount"], seen["state"], seen["allocation_id"]) == ("2.5", "open", allocation.id)
    status, _, err = await command(requestor, "payment", "deposit", "close", made["id"][-8:])
    assert (status, "An allocation draws from the deposit" in err) == (1, True)
    filled = await command.deposit(funder, "extend", made["id"][-8:], "--amount", "4")
    assert filled["amount"] == "4"

    await requestor.payments.allocations.release(allocation.id)
    await funder.until_balance(Decimal("999.25"))
    closed = await command.deposit(requestor, "close", made["id"])
    assert (closed["state"], closed["spender"]) == ("closed", str(requestor.id))
    assert await command.deposit(funder, "list") == []
    assert [each["id"] for each in await command.deposit(funder, "list", "--all")] == [made["id"]]


async def test_what_the_command_shows_and_refuses(funder, command):
    asked = ("create", "--spender", SPENDER, "--amount", "3")
    for more, why in [
        ((), "error: Until when is the deposit valid?"),
        (("--for", "7d", "--valid-to", "2099-01-01"), "error: Both --valid-to and --for"),
        (("--for", "7d", "--driver", "voucher"), "error: Vouchers are not paid from deposits"),
        (("--for", "7d", "--network", "mainnet"), "error: There is no payment network 'mainnet'"),
        (("--valid-to", "2020-01-01"), "error: A deposit until 2020-01-01T00:00:00+00:00 would be over"),
        (("--for", "7d", "--account", SPENDER), "error: '0x5e5e5e"),
    ]:
        status, out, err = await command(funder, "payment", "deposit", *asked, *more)
        assert (status, out, err[: len(why)]) == (1, "", why)
    assert await transactions(funder) == 0

    status, out, err = await command(funder, "payment", "deposit", *asked, "--valid-to", "2099-01-01")
    assert status == 0
    assert 'names it in its allocation: "deposit": {"id":"0x' in err
    shown = dict(re.split(r"  +", line.strip()) for line in out.splitlines())
    assert (shown["spender"], shown["left"], shown["state"]) == (SPENDER, "3 GLM", "open")
    _, out, _ = await command(funder, "payment", "deposit", "list")
    row = re.split(r"  +", out.splitlines()[3].strip())
    ends = f"…{shown['deposit'][-8:]}", "us", f"…{SPENDER[-8:]}"
    assert row == [*ends, "3", "0", "2099-01-01 00:00", "open"]
    status, _, err = await command(funder, "payment", "deposit", "show", "abcdefg")
    assert (status, "No deposits end with 'abcdefg'" in err) == (1, True)


@pytest.mark.parametrize(
    ("held", "said", "hint"),
    [
        ("0", "holds 999.999999 GLM; nothing of it is reserved or being paid.", "(yagna payment fund)."),
        ("4", "holds 999.999999 GLM; 4 of it are reserved or being paid.", "or release allocations"),
    ],
)
def test_what_the_account_holds_is_said_as_it_is(held, said, hint):
    balance, asked = Decimal("999.9999999"), Decimal(5000)
    with pytest.raises(BadRequest) as caught:
        _check_funds(balance, asked + Decimal(held), asked)
    assert said in caught.value.why
    assert hint in caught.value.next_step
