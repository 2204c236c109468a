"""What tau2's pydantic model makes of APN settings: converted values, or errors in its words."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from harness_telecom.records import BROKEN, INTERNET, MMSC_URL, Apn

if TYPE_CHECKING:
    from pydantic import BaseModel


def as_apn(values: Mapping[str, Any]) -> Apn:
    """The settings, with the usual values for those that are not given.

    Raises pydantic's ``ValidationError``.
    """
    return cast(Apn, _model()(**values).model_dump(mode="json"))


@cache
def _model() -> type[BaseModel]:
    """A model whose errors read like those of tau2's model of the same name."""
    from pydantic import create_model

    names = Enum("APNNames", {"INTERNET": INTERNET, "BROKEN": BROKEN}, type=str)  # type: ignore[misc]
    return create_model(
        "APNSettings",
        __config__={"extra": "forbid"},
        apn_name=(names, names(INTERNET)),
        reset_at_reboot=(bool, False),
        mms_apn=(str | None, "mms"),
        mmsc_url=(str | None, MMSC_URL),
        mms_proxy=(str | None, None),
        mms_port=(int | None, None),
    )
