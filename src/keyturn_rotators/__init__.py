"""Rotation functions: code that runs inside AWS Lambda or Keyturn's sandbox.

Nothing here imports Keyturn: a function is a ZIP of these files, its engine's driver and an entry
point. ``templates`` holds the entry points, one an engine and strategy; ``steps`` is where to
start reading.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""
