"""Which part of a list a caller wants: the query parameters that lists share."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from fluxiq.errors import Refused
from fluxiq.ports import Page


class PageAsked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which page of a list, and how long a page is."""

    page: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    per_page: Annotated[int, Meta(ge=1, le=100)] = 20

    @property
    def wanted(self) -> Page:
        return Page(number=self.page, size=self.per_page)


class DaysAsked(PageAsked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A page of what began on these UTC days, both included."""

    start_date: date | None = None
    end_date: date | None = None

    def since(self) -> datetime | None:
        """The first moment of `start_date`."""
        return None if self.start_date is None else _midnight(self.start_date)

    def until(self) -> datetime | None:
        """The first moment after `end_date`. Raises Refused when that is before `start_date`."""
        if self.end_date is None:
            return None
        if self.start_date is not None and self.end_date < self.start_date:
            raise Refused("validation_failed", "is before start_date", field="end_date")
        if self.end_date == date.max:
            raise Refused("validation_failed", "is after the end of the calendar", field="end_date")
        return _midnight(self.end_date + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)
