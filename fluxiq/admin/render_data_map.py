"""The data map as the Markdown of docs/privacy.md."""

from collections.abc import Iterator, Sequence

from fluxiq.domain.data_map import Direct, Form, Mapped


def render_data_map(tables: Sequence[Mapped]) -> str:
    """One table of who, one of what is linked, one of periods, and what names nobody."""
    personal = [one for one in tables if one.is_personal]
    rest = [one for one in tables if not one.is_personal]
    return "\n".join(
        [
            "### Who somebody is, and what people write",
            "",
            "| column | what | of whom | on the disk |",
            "|---|---|---|---|",
            *(_direct_row(one.table, column) for one in personal for column in one.direct),
            "",
            "### Why, for how long, and what erasure does",
            "",
            "| table | what for | basis | kept | what goes when it is asked for |",
            "|---|---|---|---|---|",
            *(_table_row(one) for one in personal),
            "",
            "### What is linked to a person by ids, and what is not",
            "",
            "| table | linked | about machinery |",
            "|---|---|---|",
            *(
                f"| `{one.table}` | {_names(one.linked)} | {_names(one.other)} |"
                for one in personal
            ),
            "",
            "Wholly about machinery: " + ", ".join(f"`{one.table}`" for one in rest) + ".",
            "",
            "### Periods",
            "",
            *_periods(personal),
        ]
    )


def _direct_row(table: str, column: Direct) -> str:
    form = column.form.value
    if column.form is Form.PLAIN:
        form = f"{form}: {column.plain_because}"
    return f"| `{table}.{column.column}` | {column.what} | {column.whose} | {form} |"


def _table_row(one: Mapped) -> str:
    basis = "" if one.basis is None else one.basis.value.partition(":")[0]
    kept = "" if one.kept is None else one.kept.name
    return f"| `{one.table}` | {one.purpose} | {basis} | {kept} | {one.erasure or 'nothing'} |"


def _names(columns: str) -> str:
    return ", ".join(columns.split())


def _periods(personal: Sequence[Mapped]) -> Iterator[str]:
    periods = {one.kept.name: one.kept for one in personal if one.kept is not None}
    for kept in periods.values():
        source = f" ({kept.retention.source})" if kept.retention is not None else ""
        yield f"* **{kept.name}**: {kept.until}{source}"
    yield ""
    bases = {one.basis for one in personal if one.basis is not None}
    for basis in sorted(bases):
        article, _, words = basis.value.partition(": ")
        yield f"* **{article}**: {words}"
