"""The refusals that belong to the API itself, whatever it is asked about."""

from __future__ import annotations

from hapanel.kernel.refusal import gettext_noop, refusal_kind

NOT_JSON = refusal_kind(
    "not-json",
    gettext_noop("The body is not the JSON that was promised: %(reason)s"),
    gettext_noop("Send one JSON object, encoded as UTF-8."),
    status=400,
)
MALFORMED = refusal_kind(
    "malformed",
    gettext_noop("%(name)s: %(reason)s"),
    gettext_noop("Correct the value; /api/v1/docs/ shows what each one takes."),
    status=400,
)
UNKNOWN_FIELD = refusal_kind(
    "unknown-field",
    gettext_noop("There is no field %(name)s here."),
    gettext_noop("Correct the name or leave it out. Known fields: %(known)s."),
    status=400,
)
UNKNOWN_PARAMETER = refusal_kind(
    "unknown-parameter",
    gettext_noop("There is no query parameter %(name)s here."),
    gettext_noop("Correct the name or leave it out. Known parameters: %(known)s."),
    status=400,
)
BAD_CURSOR = refusal_kind(
    "bad-cursor",
    gettext_noop("The cursor is not one that this list has given out."),
    gettext_noop("Start again without a cursor and follow the addresses in next and previous."),
    status=400,
    field="cursor",
)
BAD_KEY = refusal_kind(
    "bad-idempotency-key",
    gettext_noop("The Idempotency-Key is empty, too long or has odd characters."),
    gettext_noop("Use 1 to 200 printable ASCII characters, such as a UUID."),
    status=400,
)
NOT_SIGNED_IN = refusal_kind(
    "not-signed-in",
    gettext_noop("The call does not say who makes it."),
    gettext_noop("Send the header Authorization: Bearer with a token from your account page."),
    status=401,
)
TOKEN_REFUSED = refusal_kind(
    "api-token-refused",
    gettext_noop("The token is unknown, revoked or expired, or its owner may not sign in."),
    gettext_noop("Make a new token on your account page."),
    status=401,
)
ROLE_LACKS = refusal_kind(
    "role-lacks-permission",
    gettext_noop("Your role does not allow this."),
    gettext_noop("Ask an administrator of the panel to do it, or for another role."),
    status=403,
)
CSRF = refusal_kind(
    "csrf",
    gettext_noop("The call comes with a browser's session, but without its CSRF token."),
    gettext_noop("Send the X-CSRFToken header, or use an API token instead of the session."),
    status=403,
)
NOT_FOUND = refusal_kind(
    "not-found",
    gettext_noop("There is nothing at this address."),
    gettext_noop("Check the names and numbers in it; /api/v1/docs/ lists all addresses."),
    status=404,
)
SLASH_MISSING = refusal_kind(
    "slash-missing",
    gettext_noop("Addresses of the API end with a slash; this one does not."),
    gettext_noop("Call %(path)s instead."),
    status=404,
)
METHOD_NOT_ALLOWED = refusal_kind(
    "method-not-allowed",
    gettext_noop("This address does not take %(method)s."),
    gettext_noop("The Allow header lists the methods it takes."),
    status=405,
)
NOT_ACCEPTABLE = refusal_kind(
    "not-acceptable",
    gettext_noop("The answer cannot be given in a form that the Accept header allows."),
    gettext_noop("Accept application/json."),
    status=406,
)
TOO_LARGE = refusal_kind(
    "too-large",
    gettext_noop("The body is larger than %(limit)s bytes."),
    gettext_noop("Nothing here needs that much: send only the documented fields."),
    status=413,
)
UNSUPPORTED_MEDIA_TYPE = refusal_kind(
    "unsupported-media-type",
    gettext_noop("A body of the type %(type)s is not read here."),
    gettext_noop("Send JSON with the header Content-Type: application/json."),
    status=415,
)
THROTTLED = refusal_kind(
    "throttled",
    gettext_noop("Too many calls came from here."),
    gettext_noop("Wait for as many seconds as the Retry-After header says."),
    status=429,
)
PANEL_FAULT = refusal_kind(
    "panel-fault",
    gettext_noop("The panel made a mistake; it is written down in its log."),
    gettext_noop("Look there for the time of this answer, and report it."),
    status=500,
)
PANEL_INCOMPLETE = refusal_kind(
    "panel-incomplete",
    gettext_noop("The panel cannot reach its own database or its Redis."),
    gettext_noop("Try again in a moment; ./panel manage doctor says what is wrong."),
    status=503,
)
