"""A service manager in small: holds listening sockets, and runs one command with them, as systemd does (sd_listen_fds(3)).

Arguments: a JSON object, name of a socket -> list of [address, port]; then the command. SIGUSR1 restarts the command as
`systemctl restart` does: SIGTERM, wait until it has ended, start it anew. SIGHUP is passed on. SIGTERM ends both. What the
command tells the manager (sd_notify(3)) is printed as `notified VARIABLE=VALUE`.
"""

import array
import ctypes
import json
import os
import signal
import socket
import sys
import tempfile

names, listening = [], []
for name, addresses in json.loads(sys.argv[1]).items():
    for address, port in addresses:
        if address.startswith("/"):
            held = socket.socket(socket.AF_UNIX)
            held.bind(address)
        else:
            held = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if ":" in address:
                held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            held.bind((address, port))
        held.listen(4096)
        names.append(name)
        listening.append(held)

notified = tempfile.mkdtemp(prefix="caesura-notify-") + "/socket"
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind(notified)

PR_SET_PDEATHSIG = 1


def in_child():
    # Above all numbers that are wanted, then down: a descriptor may stand where another one has to go.
    high = [os.dup2(held.fileno(), 200 + index) for index, held in enumerate(listening)]
    for index, descriptor in enumerate(high):
        os.dup2(descriptor, 3 + index)
        os.close(descriptor)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(listening)), LISTEN_FDNAMES=":".join(names))
    os.environ.update(NOTIFY_SOCKET=notified)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def start():
    # The variables are set between fork and exec, where the process knows its own number; so it is exec'd by hand.
    pid = os.fork()
    if pid == 0:
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1, signal.SIGHUP, signal.SIGTERM])
            in_child()
            os.execvp(sys.argv[2], sys.argv[2:])
        finally:
            os._exit(127)
    print(f"started {pid}", flush=True)
    return pid


def end(pid):
    os.kill(pid, signal.SIGTERM)
    while True:
        listen_to_service(0.05)
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended == pid:
            print(f"ended {pid} with {os.waitstatus_to_exitcode(status)}", flush=True)
            return os.waitstatus_to_exitcode(status)


def listen_to_service(seconds):
    notify.settimeout(seconds)
    try:
        message, ancillary, _, _ = notify.recvmsg(4096, socket.CMSG_SPACE(4 * array.array("i").itemsize))
    except TimeoutError:
        return
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            # BARRIER=1: whoever sent it waits until it is closed here.
            for descriptor in array.array("i", data):
                os.close(descriptor)
    for line in message.decode().split("\n"):
        print(f"notified {line}", flush=True)


asked = []
for number in (signal.SIGUSR1, signal.SIGHUP, signal.SIGTERM):
    signal.signal(number, lambda number, _: asked.append(number))

service = start()
while True:
    listen_to_service(0.02)
    if not asked:
        ended, status = os.waitpid(service, os.WNOHANG)
        if ended == service:
            sys.exit(os.waitstatus_to_exitcode(status))
        continue
    wanted = asked.pop(0)
    if wanted == signal.SIGHUP:
        os.kill(service, signal.SIGHUP)
    elif wanted == signal.SIGUSR1:
        end(service)
        service = start()
    else:
        sys.exit(end(service))
