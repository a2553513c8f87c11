"""A browser's session with the page, as far as its connection goes: any headers, from any address.

    python -m tests.dashboard.session ADDRESS PORT [NAME:VALUE ...]

prints the texts of the page Models. It runs inside of a network namespace, too.
"""

from __future__ import annotations

import socket
import sys

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

VISITORS = "You are visiting"
OWNERS = "Add a network"


def texts(address: str, port: int, headers: dict[str, str] | None = None, host: str = "", page: str = "models") -> str:
    """All that the server tells a browser while it draws a page. host: what the browser calls the server."""
    name = host or (f"[{address}]" if ":" in address else address)
    given = {"Origin": f"http://{name}:{port}"} | (headers or {})
    given = {name: value for name, value in given.items() if value}
    with (
        socket.create_connection((address, port), 60) as connection,
        connect(
            f"ws://{name}:{port}/_stcore/stream",
            sock=connection,
            subprotocols=["streamlit"],  # type: ignore[list-item]
            additional_headers=given,
            max_size=None,
        ) as session,
    ):
        asked = BackMsg()
        asked.rerun_script.page_name = page
        asked.rerun_script.query_string = "lang=en"
        session.send(asked.SerializeToString())
        said: list[str] = []
        while True:
            message = ForwardMsg()
            content = session.recv(timeout=120)
            assert isinstance(content, bytes)
            message.ParseFromString(content)
            said.append(str(message))
            if message.WhichOneof("type") == "script_finished":
                return "\n".join(said)


if __name__ == "__main__":
    pairs = dict(argument.split(":", 1) for argument in sys.argv[3:])
    print(texts(sys.argv[1], int(sys.argv[2]), pairs))
