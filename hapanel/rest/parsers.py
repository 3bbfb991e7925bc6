"""Reading request bodies: small JSON objects and nothing else."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from hapanel.kernel.refusal import Refused
from hapanel.rest.refusals import TOO_LARGE

# The largest body that makes sense is a cluster with a CA chain.
LIMIT = 64 * 1024


class SmallJsonParser(JSONParser):
    """JSON of at most LIMIT bytes, so that nobody can fill the panel's memory with one call."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The decoded body. Raises Refused when it is too large, ParseError when it is no JSON."""
        body = stream.read(LIMIT + 1)
        if len(body) > LIMIT:
            raise Refused(TOO_LARGE(limit=LIMIT))
        try:
            return super().parse(io.BytesIO(body), media_type, parser_context)
        except (RecursionError, UnicodeError) as error:
            raise ParseError(str(error)) from error
