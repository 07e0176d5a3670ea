"""A connection without a request on it, or whose answer nobody takes, ends, so that it keeps nobody else out."""

import asyncio
import contextlib
import socket

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


async def answer_at_length(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": bytes(20_000_000)})  # more than a system keeps for a reader


async def taken(*, rate):
    """What is had by one who takes so many bytes a second, until he is let go or 2 s are over; and whether he was."""
    from uvicorn import Config
    from uvicorn.server import ServerState

    from tellapart.serve.patience import impatient

    config, state = Config(answer_at_length, lifespan="off", log_config=None, timeout_keep_alive=0), ServerState()
    protocol, loop = impatient(0.2), asyncio.get_running_loop()
    listening = await loop.create_server(
        lambda: protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    async with listening:
        with socket.socket() as asking:
            asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 50_000)
            asking.setblocking(False)
            await loop.sock_connect(asking, listening.sockets[0].getsockname())
            await loop.sock_sendall(asking, (HEAD + b"\r\n") * 2)
            count, ends = 0, loop.time() + 2
            while loop.time() < ends and (state.connections or not state.total_requests):
                await asyncio.sleep(0.02)
                count += len(await loop.sock_recv(asking, rate // 50)) if rate else 0
            return count, not state.connections


@pytest.mark.skipif(not hasattr(socket, "TCP_NOTSENT_LOWAT"), reason="the system does not say how slowly one reads")
def test_impatient__who_takes_nothing_of_an_answer_is_let_go():
    assert asyncio.run(taken(rate=0)) == (0, True)


def test_impatient__who_takes_an_answer_slowly_gets_it():
    count, let_go = asyncio.run(taken(rate=1_000_000))
    assert count > 500_000
    assert not let_go
