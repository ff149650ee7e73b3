"""Make, find and delete users.

Everything here happens in the transaction of the connection that is passed in.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_users.html
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from keyturn.iam import names
from keyturn.iam.refusals import IdentityExistsError, IdentityInUseError, IdentityNotFoundError
from keyturn.iam.tags import check_tags
from keyturn.model.identity import User
from keyturn.model.ids import new_unique_id
from keyturn.store import access_keys, identities, identity_policies
from keyturn.store.database import Connection


def create(
    connection: Connection,
    account: str,
    name: str,
    *,
    path: str,
    tags: Mapping[str, str],
    now: datetime,
) -> User:
    """Make a user, who may do nothing yet.

    Raises:
        IdentityExistsError: there is a user of that name, in whatever case.
        InvalidInputError: the name, the path or a tag can't be.
    """
    names.check_user_name(name)
    names.check_path(path)
    check_tags(tags)
    if identities.is_name_taken(connection, account, "user", name):
        raise IdentityExistsError("user", name)
    user = User(
        id=0,
        account=account,
        name=name,
        path=path,
        arn=names.user_arn(account, path, name),
        unique_id=new_unique_id("AIDA"),
        created_at=now,
        tags=tags,
    )
    return replace(user, id=identities.insert_user(connection, user))


def find(connection: Connection, account: str, name: str) -> User:
    """Return a user.

    Raises:
        IdentityNotFoundError: there is none of that name.
    """
    user = identities.find_user(connection, account, name)
    if user is None:
        raise IdentityNotFoundError("user", name)
    return user


def delete(connection: Connection, account: str, name: str) -> None:
    """Delete a user.

    Raises:
        IdentityInUseError: the user still has policies or access keys.
        IdentityNotFoundError: there is none of that name.
    """
    user = find(connection, account, name)
    if identity_policies.has_any(connection, user.id):
        raise IdentityInUseError("policies")
    if access_keys.of_user(connection, user.id):
        raise IdentityInUseError("access keys")
    identities.delete_identity(connection, user.id)
