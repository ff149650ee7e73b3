"""What a function may log: steps, ARNs and version ids, never a value.

botocore's debug lines hold requests and answers whole, SecretString among them. A function whose
root logger is set to DEBUG, which AWS's own documentation advises to find a fault, would print
every secret that it touches; so those loggers stay at WARNING whatever the root's level.
"""

import logging
from typing import Final

LOGGER_NAME: Final = "keyturn_rotators"
_TELL_VALUES: Final = ("botocore", "boto3", "urllib3", "psycopg", "pymongo", "ldap3")


def keep_values_out() -> None:
    """Set the loggers' levels. Done at each invocation, for someone may have changed them."""
    for name in _TELL_VALUES:
        logging.getLogger(name).setLevel(logging.WARNING)
    logger = logging.getLogger(LOGGER_NAME)
    if logger.level == logging.NOTSET:
        # Lambda leaves the root at WARNING; a step's begin and end belong in the log.
        logger.setLevel(logging.INFO)
