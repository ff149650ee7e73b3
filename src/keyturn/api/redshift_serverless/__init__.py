"""Amazon Redshift Serverless: where the workgroups are that the operator has named."""
