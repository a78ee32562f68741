"""A person at a client of the API: with a password, a session and perhaps an authenticator."""

from typing import Any

from quart.typing import TestClientProtocol as TestClient
from quart.wrappers import Response

from fluxiq.domain.roles import Role
from fluxiq.domain.totp import code_of, step_at
from fluxiq.domain.user import User
from tests.support.api_twin import World, bearer
from tests.support.memory_users import add_person

AUTH = "/api/v1/auth"
PASSWORD = "três pratos de trigo para três tigres"
CPF = "529.982.247-25"
OTHER_CPF = "390.533.447-05"
ORIGIN = "http://localhost:3000"  # a page of ours, where `[identity] web_origins` has it


class Person:
    """Made by `Person.of`. `tokens` are those of the last log-in or refresh."""

    def __init__(
        self, world: World, user: User, document: str, client: TestClient | None = None
    ) -> None:
        self.world = world
        self.user_id = user.id
        self.document = document
        self.password = PASSWORD
        self.client = client or world.app().test_client()
        self.tokens: dict[str, Any] = {}

    @classmethod
    async def of(
        cls,
        world: World,
        *,
        role: Role = Role.OWNER,
        document: str = CPF,
        merchant_id: str | None = "",
        client: TestClient | None = None,
    ) -> "Person":
        """Of the world's merchant unless told; None: of the institution. At a client of their own
        unless told.
        """
        bare = document.replace(".", "").replace("-", "")
        user = await add_person(
            world.users,
            world.tenant.passwords,
            bare,
            PASSWORD,
            world.clock.now(),
            role=role,
            merchant_id=world.merchant_id if merchant_id == "" else merchant_id,
        )
        return cls(world, user, document, client)

    @property
    def user(self) -> User:
        """As it is on record."""
        return self.world.users.people[self.user_id]

    async def try_login(self, **said: Any) -> Response:
        headers = said.pop("headers", {})
        body = {"document": self.document, "password": self.password, **said}
        return await self.client.post(f"{AUTH}/login", json=body, headers=headers)

    async def log_in(self, **said: Any) -> dict[str, Any]:
        return await self._keep(await self.try_login(**said))

    async def try_refresh(self, token: str | None = None, **headers: str) -> Response:
        body = {"refresh_token": token or self.tokens["refresh_token"]}
        return await self.client.post(f"{AUTH}/refresh", json=body, headers=headers)

    async def refresh(self, token: str | None = None) -> dict[str, Any]:
        return await self._keep(await self.try_refresh(token))

    async def get(self, path: str) -> Response:
        return await self.client.get(path, headers=self.headers)

    async def post(self, path: str, body: Any = None, **headers: str) -> Response:
        if body is None:
            return await self.client.post(path, headers=self.headers | headers)
        return await self.client.post(path, json=body, headers=self.headers | headers)

    async def patch(self, path: str, body: Any) -> Response:
        return await self.client.patch(path, json=body, headers=self.headers)

    async def delete(self, path: str) -> Response:
        return await self.client.delete(path, headers=self.headers)

    @property
    def headers(self) -> dict[str, str]:
        return bearer(self.tokens["access_token"])

    def code(self, steps: int = 0) -> str:
        """The authenticator's code, `steps` from now."""
        secret = self.user.totp_secret or self.user.totp_pending
        assert secret is not None, "there is no second factor"
        return code_of(secret, step_at(self.world.clock.now()) + steps)

    async def enrol_totp(self) -> tuple[str, ...]:
        """Take on a second factor; the recovery codes."""
        offered = await self.post(f"{AUTH}/totp", {"password": self.password})
        assert offered.status_code == 201, await offered.get_data()
        confirmed = await self.post(f"{AUTH}/totp/confirm", {"code": self.code()})
        assert confirmed.status_code == 200, await confirmed.get_data()
        return tuple((await confirmed.get_json())["data"]["recovery_codes"])

    async def _keep(self, response: Response) -> dict[str, Any]:
        body = await response.get_json()
        assert response.status_code == 200, body
        self.tokens = body["data"]
        return self.tokens
