"""Amazon Redshift: where the clusters are that the operator has named."""
