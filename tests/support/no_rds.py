"""RDS for tests that aren't about it: to ask it is an error."""

from typing import NoReturn

from keyturn_rotators.rds import Rds


def _nobody() -> NoReturn:
    raise AssertionError("RDS was asked")


NO_RDS = Rds(_nobody)
