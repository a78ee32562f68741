"""What one caller waits for, beside the bare echo."""

from fluxiq.commands.bench_payments.echo import echo_seconds
from fluxiq.commands.bench_payments.load import One, closed_loop, timed
from fluxiq.commands.figures import Figure, latencies


async def one_by_one(name: str, count: int, one: One, *, under_ms: int) -> list[Figure]:
    """`count` calls, each after the one before, with an aim for the p99; warmed up by a tenth."""
    await closed_loop(max(1, count // 10), 1, one)
    seconds: list[float] = []
    await closed_loop(count, 1, timed(one, seconds))
    bare = latencies(f"bare echo, beside {name}", await echo_seconds(count))
    *others, p99 = latencies(name, seconds)
    aimed = Figure(
        name=p99.name,
        value=p99.value,
        unit=p99.unit,
        aim=f"under {under_ms}",
        holds=(p99.value or 0) < under_ms,
    )
    return [*bare, *others, aimed]
