"""Fees over HTTP: what the institution's people agree on is what a merchant then pays, and sees."""

from typing import Any

import msgspec
import pytest

from fluxiq.domain.fee import AgreedFee, FeePlan
from fluxiq.domain.roles import Role
from fluxiq.services.enroll import enroll_merchant
from fluxiq.settings.sections import ReceivingFee
from tests.support.api_people import AUTH, PASSWORD
from tests.support.api_world import ApiWorld, Said
from tests.support.memory_users import add_person

FEES = "/api/v1/fees"
MERCHANTS = "/api/v1/institution/merchants"
DOCUMENTS = {Role.OWNER: "39053344705", Role.MANAGER: "52998224725", Role.OPERATOR: "11144477735"}
PLAN = {"fixed": 10, "basis_points": 99, "reason": "contract 17"}  # R$ 1.09 of R$ 100.00


class Scene:
    """A merchant that can be paid, and the institution's own people."""

    def __init__(self, api: ApiWorld) -> None:
        self.api, self.world = api, api.world
        self.agreed = f"{MERCHANTS}/{self.world.merchant_id}/fees"

    async def clerk(self, role: Role = Role.MANAGER) -> str:
        """The access token of one of the institution's people."""
        tenant = self.world.tenant
        await add_person(
            self.world.users,
            tenant.passwords,
            DOCUMENTS[role],
            PASSWORD,
            self.world.clock.now(),
            role=role,
            merchant_id=None,
        )
        said = {"document": DOCUMENTS[role], "password": PASSWORD}
        answer = await self.api.app.test_client().post(f"{AUTH}/login", json=said)
        token: str = (await answer.get_json())["data"]["access_token"]
        return token

    async def agree(self, token: str, **said: Any) -> Said:
        return await self.api.put(self.agreed, PLAN | said, token)

    async def receive(self, amount: int) -> None:
        await self.world.receive(self.world.received(amount))
        await self.world.run_rooms()

    async def show(self, path: str = "", key: str = "") -> Any:
        return (await self.api.get(f"{FEES}{path}", key or self.api.key())).body["data"]


@pytest.fixture
async def scene() -> Scene:
    return Scene(await ApiWorld.open())


async def test_receiving_is_free_until_something_is_agreed(scene: Scene) -> None:
    assert await scene.show() == {"current": None, "history": []}

    await scene.receive(100_00)

    assert (await scene.show("/totals"))["totals"] == []
    assert await scene.show("/payments") == []


async def test_what_is_agreed_is_kept_of_the_next_payment_and_shown(scene: Scene) -> None:
    clerk = await scene.clerk()

    said = await scene.agree(clerk)
    await scene.receive(100_00)

    assert said.status == 200
    assert (said.data["current"]["version"], said.data["current"]["reason"]) == (1, "contract 17")
    current = (await scene.show())["current"]
    assert (current["fixed"], current["basis_points"], current["maximum"]) == (10, 99, None)
    [payment] = await scene.show("/payments")
    assert (payment["amount"], payment["fee"], payment["net_amount"]) == (100_00, 1_09, 98_91)
    shown = (await scene.api.get(f"/api/v1/pix/receipts/{payment['id']}", scene.api.key())).data
    assert shown == payment


async def test_fees_are_summed_by_month_and_by_day(scene: Scene) -> None:
    await scene.agree(await scene.clerk())
    for amount in (100_00, 10_00):
        await scene.receive(amount)

    months, days = await scene.show("/totals"), await scene.show("/totals?bucket=day")

    [month], [day] = months["totals"], days["totals"]
    assert month["since"] == day["since"][:8] + "01"
    for total in (month, day):
        assert (total["payments"], total["amount"], total["fees"], total["net_amount"]) == (
            2,
            110_00,
            1_29,
            108_71,
        )


async def test_a_merchant_is_told_and_not_of_what_is_the_institutions(scene: Scene) -> None:
    await scene.agree(await scene.clerk())

    told = scene.world.store.events[-1]
    assert told.type == "merchant.fee_changed"
    view = msgspec.to_builtins(told.data)
    assert (view["fixed"], view["basis_points"]) == (10, 99)
    for shown in (view, (await scene.show())["current"]):
        assert not {"reason", "set_by"} & set(shown)


async def test_versions_follow_one_another_and_the_one_in_force_comes_first(scene: Scene) -> None:
    clerk = await scene.clerk()
    await scene.agree(clerk)
    await scene.agree(clerk, fixed=0, basis_points=0, reason="a gift")

    shown = (await scene.api.get(scene.agreed, clerk)).data

    assert [one["version"] for one in shown["history"]] == [2, 1]
    assert shown["current"] == shown["history"][0]
    assert (shown["current"]["fixed"], shown["current"]["reason"]) == (0, "a gift")


async def test_agreeing_on_the_same_again_writes_nothing(scene: Scene) -> None:
    clerk = await scene.clerk()
    first = await scene.agree(clerk)
    events = len(scene.world.store.events)

    again = await scene.agree(clerk, reason="once more")

    assert again.data == first.data
    assert len(scene.world.store.events) == events


async def test_free_is_what_it_was_before_anything_was_agreed(scene: Scene) -> None:
    said = await scene.agree(await scene.clerk(), fixed=0, basis_points=0)
    assert said.data == {"current": None, "history": []}


async def test_of_two_at_once_one_is_told_to_look_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk = await scene.clerk()
    agreed = scene.world.fees.agreed

    async def before_somebody_else(merchant_id: str, limit: int) -> list[AgreedFee]:
        found = await agreed(merchant_id, limit)
        rival = AgreedFee(
            merchant_id=merchant_id,
            version=1,
            plan=FeePlan(fixed=1),
            valid_from=scene.world.clock.now(),
            set_by="usr_other",
        )
        scene.world.fees.versions[merchant_id] = [rival]
        return found

    monkeypatch.setattr(scene.world.fees, "agreed", before_somebody_else)
    said = await scene.agree(clerk)

    assert (said.status, said.code) == (409, "fee_changed")
    assert [one.plan.fixed for one in scene.world.fees.versions[scene.world.merchant_id]] == [1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"fixed": -1},
        {"basis_points": 10_001},
        {"minimum": 10, "maximum": 9},
        {"reason": ""},
        {"percent": 1},
        {"fixed": 1.5},
    ],
)
async def test_a_plan_that_makes_no_sense_is_refused(scene: Scene, wrong: dict[str, Any]) -> None:
    said = await scene.agree(await scene.clerk(), **wrong)
    assert (said.status, said.code) == (422, "validation_failed")
    assert scene.world.fees.versions == {}


async def test_only_the_institutions_managers_agree_and_only_with_merchants_there_are(
    scene: Scene,
) -> None:
    operator = await scene.clerk(Role.OPERATOR)
    assert (await scene.api.get(scene.agreed, operator)).status == 200
    for token in (operator, scene.api.key("*", "institution:*")):
        said = await scene.agree(token)
        assert (said.status, said.code) == (403, "forbidden")

    nobody = f"{MERCHANTS}/mch_00000000000000000000000000/fees"
    clerk = await scene.clerk()
    for answer in (
        await scene.api.get(nobody, clerk),
        await scene.api.put(nobody, PLAN, clerk),
    ):
        assert (answer.status, answer.code) == (404, "merchant_not_found")


async def test_fees_are_read_with_a_permission_of_their_own(scene: Scene) -> None:
    assert await scene.show(key=scene.api.key("fees:read")) == {"current": None, "history": []}
    for path in ("", "/totals", "/payments"):
        said = await scene.api.get(f"{FEES}{path}", scene.api.key("pix:*", "accounts:*"))
        assert (said.status, said.details) == (403, {"permission": "fees:read"})


async def test_a_merchant_sees_and_pays_nothing_of_anothers_fees(scene: Scene) -> None:
    other = await enroll_merchant(
        scene.world.tenant, name="Outra Loja", document="11444777000161", city="RECIFE"
    )
    await scene.agree(await scene.clerk())
    await scene.receive(100_00)
    key = scene.api.key(merchant_id=other.merchant.id)

    assert await scene.show(key=key) == {"current": None, "history": []}
    assert (await scene.show("/totals", key))["totals"] == []
    assert await scene.show("/payments", key) == []
    await scene.world.receive(scene.world.received(50_00, pix_key=other.pix_keys[0]))
    await scene.world.run_rooms()
    theirs = [
        one for one in scene.world.store.receipts.values() if one.merchant_id == other.merchant.id
    ]
    assert [one.fee for one in theirs] == [0]


@pytest.mark.parametrize(
    "query",
    [
        "?start_date=2026-02-02&end_date=2026-02-01",
        "?bucket=day&start_date=2026-01-01&end_date=2026-06-01",
        "?start_date=2020-01-01&end_date=2026-01-01",
        "?bucket=year",
    ],
)
async def test_totals_of_too_long_or_no_time_are_refused(scene: Scene, query: str) -> None:
    said = await scene.api.get(f"{FEES}/totals{query}", scene.api.key())
    assert (said.status, said.code) == (422, "validation_failed")


async def test_a_new_merchant_agrees_to_what_the_institution_asks_of_everybody(
    scene: Scene,
) -> None:
    tenant = scene.world.tenant
    asked = ReceivingFee(fixed=10, basis_points=99, maximum=5_00)
    object.__setattr__(
        tenant, "institution", msgspec.structs.replace(tenant.institution, receiving_fee=asked)
    )
    made = await enroll_merchant(tenant, name="Loja Nova", document="11444777000161", city="RECIFE")

    current = (await scene.show(key=scene.api.key(merchant_id=made.merchant.id)))["current"]

    assert (current["fixed"], current["basis_points"], current["maximum"]) == (10, 99, 5_00)
    assert (await scene.show())["current"] is None
