"""Whether this process answers. It tells nothing that is stored, so it needs no signature."""

from keyturn.model.http import HttpResponse

_HEADERS = (("content-type", "text/plain; charset=utf-8"),)


def health(path: str) -> HttpResponse:
    """Return 200 for ``/_keyturn/health``, 404 for anything beside it."""
    if path == "/_keyturn/health":
        return HttpResponse(200, _HEADERS, b"ok\n")
    return HttpResponse(404, _HEADERS, b"not found\n")
