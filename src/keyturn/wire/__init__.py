"""AWS's wire formats, from the server's side: bytes to shapes and back.

Everything is read from botocore's service models, the same definitions that the clients use, so
an operation added to a model is served without a change here. An operation's decoder and encoder
are compiled to closures when it is first called; no model is looked at while a request waits.

What this package doesn't do: it knows no operation's meaning, signs nothing, authorises nothing.
"""
