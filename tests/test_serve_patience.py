"""A connection without a request on it ends, so that silent ones cannot keep everybody else out."""

import asyncio
import contextlib

import pytest

pytest.importorskip("uvicorn")
HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"


async def answer_slowly(scope, receive, send):
    await asyncio.sleep(0.3)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"done"})


async def told(sent, *, drip=b""):
    """What comes back on a connection that has so few seconds, until it is closed."""
    from uvicorn import Config
    from uvicorn.server import ServerState

    from tellapart.serve.patience import impatient

    config, state = Config(answer_slowly, lifespan="off", log_config=None, timeout_keep_alive=0), ServerState()
    protocol = impatient(0.1)
    listening = await asyncio.get_running_loop().create_server(
        lambda: protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    async with listening:
        reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
        writer.write(sent)
        dripping = asyncio.create_task(drip_into(writer, drip))
        try:
            return await asyncio.wait_for(reader.read(), 5)
        finally:
            dripping.cancel()
            writer.close()


async def drip_into(writer, drip):
    while drip and not writer.is_closing():
        writer.write(drip)
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(("sent", "drip"), [(b"", b""), (HEAD, b""), (HEAD, b"a: b\r\n")])
def test_impatient__a_connection_without_a_whole_head_is_closed(sent, drip):
    with contextlib.suppress(ConnectionResetError):  # what dripped in was not read any more
        assert asyncio.run(told(sent, drip=drip)) == b""


def test_impatient__a_request_that_is_worked_on_is_not_cut_off():
    assert asyncio.run(told(HEAD + b"\r\n")).endswith(b"done")
