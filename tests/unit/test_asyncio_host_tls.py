"""TLS through asyncio streams on the hosted loop, with a certificate made here."""

import asyncio
import datetime as dt
import ssl
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fluxiq.asyncio_host import AsyncioHost


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "echo")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "echo.pem"
    file.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()

    writer.close()
    await writer.wait_closed()


async def start_echo(certificate: Path) -> asyncio.Server:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return await asyncio.start_server(echo, "127.0.0.1", 0, ssl=context)


async def test_a_megabyte_comes_back_through_tls_unchanged(
    asyncio_host: AsyncioHost, certificate: Path
) -> None:
    line = b"x" * 32_000 + b"\n"

    async def talk() -> tuple[bytes, str | None]:
        trust = ssl.create_default_context(cafile=str(certificate))

        async with await start_echo(certificate) as server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
            received = b""

            for _ in range(32):
                writer.write(line)
                await writer.drain()
                received += await reader.readline()

            version = writer.get_extra_info("ssl_object").version()
            writer.close()
            await writer.wait_closed()
            return received, version

    received, version = await asyncio_host.run(talk)
    assert received == line * 32
    assert version == "TLSv1.3"


async def test_an_unknown_certificate_is_refused(
    asyncio_host: AsyncioHost, certificate: Path
) -> None:
    async def talk() -> None:
        async with await start_echo(certificate) as server:
            port = server.sockets[0].getsockname()[1]
            await asyncio.open_connection("127.0.0.1", port, ssl=ssl.create_default_context())

    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio_host.run(talk)
