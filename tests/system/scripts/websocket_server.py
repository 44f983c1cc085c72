"""A WebSocket server of the standard library alone: it says every short message again, in capitals."""

import base64
import hashlib
import socketserver

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Talk(socketserver.StreamRequestHandler):
    def handle(self):
        head = [line.decode().strip() for line in iter(self.rfile.readline, b"\r\n") if line]
        keys = [line.partition(": ")[2] for line in head if line.lower().startswith("sec-websocket-key")]
        for key in keys:
            accept = base64.b64encode(hashlib.sha1(f"{key}{GUID}".encode()).digest()).decode()
            lines = ["HTTP/1.1 101 Go on", "Connection: Upgrade", "Upgrade: websocket"]
            self.say("\r\n".join([*lines, f"Sec-WebSocket-Accept: {accept}", "", ""]).encode())
            while self.echo():
                pass

    def echo(self):
        """Answer one message; whether there may be more."""
        head = self.rfile.read(2)
        if len(head) < 2:
            return False
        mask, said = self.rfile.read(4), self.rfile.read(head[1] & 127)
        plain = bytes(byte ^ mask[at % 4] for at, byte in enumerate(said))
        self.say(bytes([head[0], len(plain)]) + (plain.upper() if head[0] == 0x81 else plain))
        return head[0] != 0x88

    def say(self, data):
        self.wfile.write(data)


if __name__ == "__main__":
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    socketserver.ThreadingTCPServer(("", 8000), Talk).serve_forever()
