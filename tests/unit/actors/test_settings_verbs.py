"""What operators read of the settings: all of them, and no secret."""

from typing import Any

from msgspec.structs import replace

from actors.settings_verbs import settings_view
from fluxiq import settings as config
from fluxiq.telemetry.shapes import HIDDEN


def shown(**environ: str) -> dict[str, Any]:
    return settings_view(config.load(environ))


def test_every_section_is_told_as_the_files_have_it() -> None:
    told = shown()
    assert told.keys() == set(config.Settings.__struct_fields__)
    assert told["http"]["port"] == 4000
    assert told["operators"]["institutions"] == ["12345678"]
    assert told["institutions"][0]["providers"][0]["kind"] == "simulator"


def test_passwords_are_hidden_also_in_addresses() -> None:
    told = shown(
        FLUXIQ_NATS__PASSWORD="lisbon-4711",
        FLUXIQ_IDENTITY__HS256_SECRET="z" * 32,
        FLUXIQ_POSTGRES__URL="postgresql://fluxiq:lisbon@4711@db.example/fluxiq",
        FLUXIQ_REDIS__URL="redis://:lisbon-4711@cache.example:6379",
    )
    assert "lisbon" not in repr(told)
    assert "zzz" not in repr(told)
    assert told["nats"]["password"] == told["identity"]["hs256_secret"] == HIDDEN
    assert told["postgres"]["url"] == f"postgresql://{HIDDEN}@db.example/fluxiq"
    assert told["redis"]["url"] == f"redis://{HIDDEN}@cache.example:6379"


def test_an_empty_text_says_that_there_is_none() -> None:
    settings = config.load({})
    nats = replace(settings.nats, password="")
    assert settings_view(replace(settings, nats=nats))["nats"]["password"] == ""
