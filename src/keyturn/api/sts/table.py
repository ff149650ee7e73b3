"""STS's operations: each with its action, its resource and its handler.

GetCallerIdentity has an action like any other, but nobody can be denied it:
``keyturn.iam.authority`` lets every principal through that has proven who it is, as AWS does.

AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservicests.html
"""
