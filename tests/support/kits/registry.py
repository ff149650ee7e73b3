"""The engines that the conformance tests are run for: a name, and its module.

A module has ``KIT``, the class; ``start``, which runs a server in a folder that it makes; and
``missing``, which says what has to be installed for that, "" if it is all there.
"""

from typing import Final

KITS: Final = {
    "activedirectory": "support.kits.activedirectory",
    "apikey": "support.kits.apikey",
    "db2": "support.kits.db2",
    "generic": "support.kits.generic",
    "iam": "support.kits.iam",
    "influxdb": "support.kits.influxdb",
    "influxdb_tokens": "support.kits.influxdb_tokens",
    "mariadb": "support.kits.mariadb",
    "mongodb": "support.kits.mongodb",
    "mysql": "support.kits.mysql",
    "openldap": "support.kits.openldap",
    "oracle": "support.kits.oracle",
    "oracle_rollover": "support.kits.oracle_rollover",
    "postgres": "support.kits.postgres",
    "postgres16": "support.kits.postgres16",
    "postgres18": "support.kits.postgres18",
    "rabbitmq": "support.kits.rabbitmq",
    "redis": "support.kits.redis",
    "redshift": "support.kits.redshift",
    "sqlserver": "support.kits.sqlserver",
    "ssh": "support.kits.ssh",
    "valkey": "support.kits.valkey",
}
