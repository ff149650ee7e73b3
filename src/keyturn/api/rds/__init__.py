"""Amazon RDS: where the databases are that the operator has named."""
