"""Every limit that a client can meet, once, with its unit.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
"""

from typing import Final

SECRETS_PER_REGION_MAX: Final = 500_000
#: AWS has fewer regions than this; each costs a row for every change of the primary.
REPLICA_REGIONS_PER_SECRET_MAX: Final = 50
SECRET_VALUE_BYTES_MAX: Final = 65_536
STAGES_PER_SECRET_MAX: Final = 20
VERSIONS_PER_SECRET_KEPT: Final = 100
UNLABELLED_VERSION_HOURS_MIN: Final = 24
#: AWS has no more than 100, young or old: too few for whoever tries out rotation all day long.
VERSIONS_PER_SECRET_MAX: Final = 10_000
TAGS_PER_SECRET_MAX: Final = 50
CLIENT_REQUEST_TOKEN_LENGTH_MIN: Final = 32
CLIENT_REQUEST_TOKEN_LENGTH_MAX: Final = 64

RECOVERY_WINDOW_DAYS_MIN: Final = 7
RECOVERY_WINDOW_DAYS_MAX: Final = 30

LIST_PAGE_MAX: Final = 100
LIST_SECRETS_LOOKED_AT_MAX: Final = 10_000

#: What ``keyturn rotation history`` can show.
ROTATIONS_PER_SECRET_KEPT: Final = 100
ATTEMPTS_PER_ROTATION_KEPT: Final = 50
EVENT_DAYS_KEPT: Final = 90
