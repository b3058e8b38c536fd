"""Fetches headers and blocks over Neo N3's P2P with neo-mamba's client, and prints one line per check.

    python sync.py HOST PORT MAGIC HEIGHT

Ends with 0 when every block up to the height came and follows the one before; the last line has the last hash.
"""

import asyncio
import os
import sys

from neo3 import settings
from neo3.core import msgrouter
from neo3.network import node

TIMEOUT = 30


def end(code, what):
    """Ends at once: the client's reading task outlives a cancellation."""
    print(what, flush=True)
    os._exit(code)


async def until(what, is_so):
    async def wait():
        while not is_so():
            await asyncio.sleep(0.02)

    try:
        await asyncio.wait_for(wait(), TIMEOUT)
    except asyncio.TimeoutError:
        end(1, f"{what}: not within {TIMEOUT} s")
    print(what, flush=True)


async def main(host, port, magic, height):
    settings.settings.network.magic = magic
    headers, blocks = {}, {}
    msgrouter.on_headers += lambda _, came: headers.update({h.index: h for h in came})
    msgrouter.on_block += lambda _, came: blocks.update({came.index: came})

    peer, failure = await node.NeoNode.connect_to(host, port)
    if peer is None:
        end(1, f"no connection: {failure}")
    print(f"connected to {peer.version.user_agent}")
    peer.start_message_handler()
    await until("height", lambda: peer.best_height >= height)
    await peer.request_headers(1)
    await until("headers", lambda: height in headers)
    for start in range(1, height + 1, 500):
        await peer.request_block_data(start, min(500, height + 1 - start))
    await until("blocks", lambda: len(blocks) >= height)
    for index in range(1, height + 1):
        if blocks[index].hash() != headers[index].hash():
            end(1, f"block {index} is not the one of its header")
        if index > 1 and blocks[index].header.prev_hash != headers[index - 1].hash():
            end(1, f"block {index} does not follow the one before")
    end(0, f"last {headers[height].hash()}")


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
