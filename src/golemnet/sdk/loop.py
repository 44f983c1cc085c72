"""The program that calls functions inside a container. It is sent there as text: nothing of ours is imported.

Usage: python3 loop.py FUNCTION LIMIT_S VERSION CALLS, where FUNCTION is a file that holds a pickled function
and CALLS are pickled arguments, base64, or ``@`` and a file with one such line a call.

The first use leaves a process behind that keeps what was imported; later uses hand it their calls and their
outputs. A line of the output is for one call: its number, its seconds, and ``ok`` with the pickled result,
``error`` with the pickled exception and the text of its traceback, or ``stuck`` and why the result cannot be
pickled. A call without a line was not begun, or has taken the process with it. Lines that would be too much
for an output are in the file ``results``; the output ends with ``more`` then.
"""

import os
import socket
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
ROOM = 300_000
SOCKET = os.path.join(FOLDER, "socket")
CLOUDPICKLE = "@CLOUDPICKLE@"


def main():
    """Hand the calls to the process that does them; start it if there is none."""
    version = "{}.{}".format(*sys.version_info)
    print("python", version, flush=True)
    if version != sys.argv[3]:
        sys.exit(f"this is Python {version}, and not {sys.argv[3]}")
    door = socket.socket(socket.AF_UNIX)
    if door.connect_ex(SOCKET):
        start()
        door.connect(SOCKET)
    request = "\0".join([sys.argv[1], sys.argv[2], sys.argv[4]]).encode()
    socket.send_fds(door, [len(request).to_bytes(4, "big")], [1, 2])
    door.sendall(request)
    if not door.recv(1):
        sys.exit("the interpreter was ended by a call")


def start():
    """Leave a process behind that serves; its door is open when this returns."""
    if os.path.exists(SOCKET):
        os.unlink(SOCKET)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(SOCKET)
    listening.listen(8)
    if os.fork() == 0:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nothing, standard)
        serve(listening, nothing)
    listening.close()


def serve(listening, nothing):
    """Do what comes through the door, one batch after the other, for ever."""
    prepare()
    functions = {}
    while True:
        visitor, _ = listening.accept()
        head, outputs, _, _ = socket.recv_fds(visitor, 4, 2)
        with visitor.makefile("rb") as reading:
            function, limit, calls = reading.read(int.from_bytes(head, "big")).decode().split("\0")
        # whatever a function prints goes to the error output; the results have the other one for themselves
        for standard in (1, 2):
            os.dup2(outputs[1], standard)
        with os.fdopen(outputs[0], "wb") as results:
            do_all(function, float(limit), calls, functions, results)
            sys.stdout.flush()
            sys.stderr.flush()
        os.close(outputs[1])
        for standard in (1, 2):
            os.dup2(nothing, standard)
        visitor.send(b"!")
        visitor.close()


def prepare():
    """Become an ordinary interpreter that can read what cloudpickle has written."""
    import base64
    import site

    sys.stdout, sys.stderr = (os.fdopen(each, "w", closefd=False) for each in (1, 2))
    path = os.path.join(FOLDER, "cloudpickle.zip")
    with open(path, "wb") as file:
        file.write(base64.b64decode(CLOUDPICKLE))
    site.main()
    sys.path[0] = os.getcwd()
    sys.path.append(path)


def do_all(function, limit, calls, functions, results):
    """Do each call, until the time is over: others may have the rest."""
    import time

    if calls.startswith("@"):
        with open(calls[1:]) as file:
            calls = file.read()
    began = time.monotonic()
    room = ROOM
    for number, call in enumerate(calls.split()):
        if number and time.monotonic() - began > limit:
            break
        start = time.monotonic()
        kind, outcome = do(function, call, functions)
        line = f"{number} {time.monotonic() - start:.6f} {kind} {outcome}\n"
        if room > 0:
            room -= len(line)
            if room <= 0:
                # the rest is too much for an output: it is fetched as a file
                results.write(b"more\n")
                results.flush()
                results = open(os.path.join(FOLDER, "results"), "wb")  # noqa: SIM115
        results.write(line.encode())
        results.flush()


def do(function, call, functions):
    """One call: whether it went well, and the text of its outcome."""
    import base64
    import traceback

    try:
        if function not in functions:
            with open(function, "rb") as file:
                functions[function] = loaded(file.read())
        positional, named = loaded(base64.b64decode(call))
        outcome = finished(functions[function](*positional, **named))
    except BaseException as error:
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        return "error", packed(failure(error), text.encode(errors="replace"))
    try:
        return "ok", packed(dumped(outcome))
    except Exception as error:
        return "stuck", packed(f"{type(error).__name__}: {error}".encode(errors="replace"))


def loaded(content):
    """What was pickled. Arrays of numpy 2 name modules that numpy 1 has as well, under its own names."""
    import pickle

    try:
        return pickle.loads(content)
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("numpy._core"):
            raise
    import importlib

    importlib.import_module("numpy.core.multiarray")
    for name, module in list(sys.modules.items()):
        if name.startswith("numpy.core"):
            sys.modules["numpy._core" + name[len("numpy.core") :]] = module
    return pickle.loads(content)


def packed(*parts):
    """Bytes as they stand in a line."""
    import base64

    return ",".join(base64.b64encode(part).decode() for part in parts)


def finished(outcome):
    """What a function has returned; a coroutine is run to its end."""
    import inspect

    if not inspect.iscoroutine(outcome):
        return outcome
    import asyncio

    return asyncio.run(outcome)


def dumped(outcome):
    """The outcome as bytes. A class that came with the function is known by its name to who reads them."""
    import io
    import pickle

    try:
        return pickle.dumps(outcome, 5)
    except Exception:
        pass

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            return (thing.__module__, thing.__qualname__) if isinstance(thing, type) else None

    out = io.BytesIO()
    Pickler(out, 5).dump(outcome)
    return out.getvalue()


def failure(error):
    """An exception as bytes; none if it cannot be that."""
    try:
        return dumped(error)
    except Exception:
        return b""


if __name__ == "__main__":
    main()
