"""What kopf would take amiss: answers that would end the process, or keep it waiting for a day.

kopf knows connections that break, and waits and asks again. Of what else an API server, or a load
balancer in front of it, may answer it makes something worse, so that becomes a broken connection:

- 429: kopf waits for as long as `Retry-After` says, whatever that is, and hears nothing meanwhile.
  Here it is asked again after its own growing waits.
- 410 to a list: it expired between two pages. kopf ends; here it begins that list again.
- 404 that is not from the API server, and 200 with something else than JSON: kopf ends.

A 404 of the API server itself is passed on: the CRD is gone, kopf ends, and the process begins
again by waiting for it.
"""

from __future__ import annotations

import asyncio
from typing import Final

import aiohttp

from glovebox.kube.answers import is_from_api_server

# kopf begins a list again a tenth of a second after one has failed.
LIST_AGAIN_SECONDS: Final = 2.0
_JSON: Final = "application/json"


async def without_odd_answers(
    request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Pass an answer on that kopf deals with, and break off the others.

    Raises:
        ClientConnectionError: kopf shall ask the same again, after its own waits.
        ClientPayloadError: kopf shall begin again with a list.
    """
    answer = await send(request)
    match answer.status:
        case 410:
            answer.close()
            await asyncio.sleep(LIST_AGAIN_SECONDS)
            raise aiohttp.ClientPayloadError("HTTP 410: the list expired")
        case 429:
            answer.close()
            raise aiohttp.ClientConnectionError("HTTP 429: the API server is shedding load")
        case 404 if not is_from_api_server(await answer.read()):
            raise aiohttp.ClientConnectionError("HTTP 404, and not from the API server")
        case 200 if answer.content_type != _JSON:
            answer.close()
            raise aiohttp.ClientConnectionError(
                f"HTTP 200 with {answer.content_type}: not from the API server"
            )
    return answer
