"""Follow the changes of appeals as the hub pushes them: `python -m replica.watch [ENDPOINT]`."""

import asyncio
import sys
from typing import Any

import aiohttp

SUBSCRIPTION = """subscription {
  appealChanged { number type at source { title } appeal { title status } fields { field before after } }
}"""


def main() -> int:
    """Print a line a change until Ctrl-C; return 1 when nobody serves at the endpoint."""
    endpoint = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000/graphql"
    try:
        asyncio.run(_watch(endpoint))
    except aiohttp.ClientError as error:
        sys.stderr.write(f"cannot watch {endpoint}: {error}; is the hub running there? (`make demo`)\n")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


async def _watch(endpoint: str) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(endpoint, protocols=["graphql-transport-ws"]) as socket,
    ):
        await socket.send_json({"type": "connection_init"})
        async for frame in socket:
            message = frame.json()
            if message["type"] == "connection_ack":
                await socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": SUBSCRIPTION}})
            elif message["type"] == "ping":
                await socket.send_json({"type": "pong"})
            elif message["type"] == "next":
                _print(message["payload"])
            else:
                sys.stderr.write(f"the hub ended the subscription: {message}\n")
                return


def _print(payload: dict[str, Any]) -> None:
    change = (payload.get("data") or {}).get("appealChanged")
    if change is None:
        sys.stderr.write(f"{payload}\n")
        return
    appeal = change["appeal"] or {"title": "", "status": ""}
    moved = [f"{each['before']} → {each['after']}" for each in change["fields"] if each["field"] == "status"]
    what = moved[0] if moved else change["type"] if change["fields"] else appeal["status"]
    sys.stdout.write(f"{change['number']:>6}  {change['source']['title']}  {appeal['title']}  {what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
