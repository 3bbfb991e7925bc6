"""The API's own pages: its documentation, and the answer where there is nothing."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hapanel.kernel.refusal import Refused
from hapanel.rest.refusals import SLASH_MISSING


class DocsView(SpectacularSwaggerSplitView):
    """Swagger UI from our own machine; its script has an address of its own, as the CSP asks."""

    template_name = "api/docs.html"


@extend_schema(exclude=True)
class NothingHere(APIView):
    """404 as a problem, whatever the method; open, for it tells nothing."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not request.path.endswith("/"):
            raise Refused(SLASH_MISSING(path=f"{request.path}/"))
        raise Http404

    def get(self, _request: Request, **_kwargs: Any) -> Response:
        """Never reached: `initial` has answered."""
        raise Http404
