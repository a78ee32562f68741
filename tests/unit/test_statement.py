"""Statements out of parts: each part numbers its parameters as if it were alone."""

from fluxiq.stores.statement import HAPPENED, Part, compose


def test_parameters_of_later_parts_move_behind_those_of_earlier_ones() -> None:
    first = Part("happened (what)", "SELECT unnest($1::text[] || $2::text[])")
    second = Part("other", "SELECT $2::int, $1::text, $2::int")
    none = Part("none", "SELECT 1")
    last = Part("last", f"SELECT {', '.join(f'${n}::int' for n in range(1, 12))}")

    assert compose([first, second, none, last], HAPPENED) == (
        "WITH happened (what) AS (SELECT unnest($1::text[] || $2::text[])), "
        "other AS (SELECT $4::int, $3::text, $4::int), "
        "none AS (SELECT 1), "
        f"last AS (SELECT {', '.join(f'${n}::int' for n in range(5, 16))}) "
        "SELECT what FROM happened"
    )
