"""Users and their access keys.

AWS: API reference, CreateUser, GetUser, ListUsers, DeleteUser and the operations on access keys.
"""

from keyturn.api.calls import AuthorisedCall
from keyturn.api.iam.members import read_tags, refuse_permissions_boundary, user_name
from keyturn.api.iam.pages import behind, page_members, read_page_request
from keyturn.api.iam.shapes import access_key_shape, user_shape
from keyturn.api.operation import Output
from keyturn.iam import access_keys, users
from keyturn.iam.refusals import AccessKeyStatusError
from keyturn.keys.keyring import Keyring
from keyturn.model.identity import AccessKey, User
from keyturn.store import access_keys as key_rows, identities
from keyturn.store.database import Connection, Database

_IS_ACTIVE = {"Active": True, "Inactive": False}


class Users:
    """The operations on users and their access keys."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    def create_user(self, call: AuthorisedCall) -> Output:
        params = call.params
        refuse_permissions_boundary(params)
        with self._database.write() as connection:
            user = users.create(
                connection,
                call.account,
                params["UserName"],
                path=params.get("Path", "/"),
                tags=read_tags(params),
                now=call.received_at,
            )
        return {"User": user_shape(user)}

    def get_user(self, call: AuthorisedCall) -> Output:
        with self._database.read() as connection:
            return {"User": user_shape(_user(connection, call))}

    def list_users(self, call: AuthorisedCall) -> Output:
        request = read_page_request(call.params)
        prefix = call.params.get("PathPrefix", "/")
        with self._database.read() as connection:
            found = identities.users_page(
                connection, call.account, prefix, after=request.after, most=request.enough
            )
        return page_members(
            "Users", request, found, key_of=lambda user: user.name, shape=user_shape
        )

    def delete_user(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            users.delete(connection, call.account, call.params["UserName"])
        return {}

    def create_access_key(self, call: AuthorisedCall) -> Output:
        pair = access_keys.new_pair()
        with self._database.write() as connection:
            user = _user(connection, call)
            key = access_keys.create(connection, self._keyring, user, pair, call.received_at)
        secret = pair.secret_access_key.reveal().decode()
        return {"AccessKey": {**access_key_shape(user, key), "SecretAccessKey": secret}}

    def list_access_keys(self, call: AuthorisedCall) -> Output:
        request = read_page_request(call.params)
        with self._database.read() as connection:
            user = _user(connection, call)
            keys = key_rows.of_user(connection, user.id)
        return page_members(
            "AccessKeyMetadata",
            request,
            behind(request, keys, _key_id),
            key_of=_key_id,
            shape=lambda key: access_key_shape(user, key),
        )

    def update_access_key(self, call: AuthorisedCall) -> Output:
        is_active = _IS_ACTIVE.get(call.params["Status"])
        if is_active is None:
            raise AccessKeyStatusError
        with self._database.write() as connection:
            access_keys.switch(
                connection,
                _user(connection, call),
                call.params["AccessKeyId"],
                is_active=is_active,
            )
        return {}

    def delete_access_key(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            access_keys.delete(connection, _user(connection, call), call.params["AccessKeyId"])
        return {}


def _user(connection: Connection, call: AuthorisedCall) -> User:
    return users.find(connection, call.account, user_name(call))


def _key_id(key: AccessKey) -> str:
    return key.access_key_id
