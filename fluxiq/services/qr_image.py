"""A BR Code as a picture, made in a thread: some milliseconds of pure computing."""

import functools

import segno
import trio

_limiter = trio.CapacityLimiter(1)  # more threads would only fight for the interpreter


async def qr_image(code: str) -> str:
    """A PNG data URI. Level M: a poster survives some dirt, as the BR Code manual advises."""
    return await trio.to_thread.run_sync(_draw, code, limiter=_limiter)


@functools.lru_cache(maxsize=512)
def _draw(code: str) -> str:
    picture = segno.make_qr(code, error="m", boost_error=False)
    return str(picture.png_data_uri(scale=4))
