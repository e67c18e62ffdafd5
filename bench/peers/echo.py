#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""asyncio's echo server: BUFFER FORM LOOP. FORM: "streams", a task a connection, or "protocol",
callbacks and no task, the fastest there is. LOOP: "asyncio" or "uvloop"."""

import asyncio
import sys


async def echo(reader, writer):
	try:
		while data := await reader.read(BUFFER):
			writer.write(data)
			await writer.drain()
	except ConnectionError:
		pass
	finally:
		writer.close()


class Echo(asyncio.Protocol):
	def connection_made(self, transport):
		self.transport = transport

	def data_received(self, data):
		self.transport.write(data)

	def pause_writing(self):
		self.transport.pause_reading()

	def resume_writing(self):
		self.transport.resume_reading()


async def serve():
	if FORM == "streams":
		server = await asyncio.start_server(echo, "127.0.0.1", 0, backlog=4096)
	else:
		loop = asyncio.get_running_loop()
		server = await loop.create_server(Echo, "127.0.0.1", 0, backlog=4096)
	print(f"port\t{server.sockets[0].getsockname()[1]}", flush=True)
	await server.serve_forever()


BUFFER, FORM, LOOP = int(sys.argv[1]), sys.argv[2], sys.argv[3]
if LOOP == "uvloop":
	import uvloop

	uvloop.install()
asyncio.run(serve())
