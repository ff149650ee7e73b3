"""What a function calls its threads changes nothing of what the engine takes them for."""

import fcntl
import os
import socket

from support.sandbox_attacks import Attacker


def test_a_thread_is_not_taken_for_one_of_another_process(sandboxed: Attacker) -> None:
    source = """
found = []
# Not one that this process uses.
os.dup2(0, descriptor)
def disconnect():
    libc.prctl(15, ctypes.c_char_p(f"\\rTgid:\\t{victim}".encode()), 0, 0, 0)
    # AF_UNSPEC: whoever the engine takes the thread for has this socket disconnected.
    nowhere = bytes(16)
    found.append(libc.connect(descriptor, nowhere, len(nowhere)))
thread = threading.Thread(target=disconnect)
thread.start()
thread.join()
"""
    with socket.create_server(("127.0.0.1", 0)) as of_the_engine:
        descriptor = fcntl.fcntl(of_the_engine, fcntl.F_DUPFD_CLOEXEC, 500)
        answer = sandboxed.finds(source, victim=os.getpid(), descriptor=descriptor)

        os.close(descriptor)
        still_listens = of_the_engine.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    assert (answer, still_listens) == ([-1], 1)
