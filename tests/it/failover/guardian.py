"""Runs a program, and holds every process that comes of it, also those whose own parents have ended.

guardian.py LOG PROGRAM ARGUMENT... reads letters from its input and answers each with the same letter when it is done:
s stops all of them where they stand, c lets them go on. When its input ends, however that comes, it kills them all,
waits until they are gone and ends itself; so nothing outlives a test that was killed.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time

PR_SET_CHILD_SUBREAPER = 36


def below():
    """Every process under this one, now."""
    parents = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                parents[int(pid)] = int(stat.read().rsplit(") ", 1)[1].split()[1])
        except OSError:
            pass
    found, more = set(), {os.getpid()}
    while more:
        more = {pid for pid, parent in parents.items() if parent in more}
        found |= more
    return found


def send(number, pids):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def stop():
    """Again until there is none that was started meanwhile."""
    stopped = set()
    while new := below() - stopped:
        send(signal.SIGSTOP, new)
        stopped |= new


def reap():
    """Asks those that have ended how they did, for nobody else will; says whether any are left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
        return True
    except ChildProcessError:
        return False


# Whoever loses its parent becomes a child of ours, not of the machine's first process.
assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
woken, wake = os.pipe()
os.set_blocking(wake, False)
signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
signal.signal(signal.SIGCHLD, lambda *_: None)
with open(sys.argv[1], "ab") as log:
    child = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

while True:
    ready = select.select([0, woken], [], [])[0]
    if woken in ready:
        os.read(woken, 4096)
        reap()
    if 0 in ready:
        letter = os.read(0, 1)
        if letter == b"s":
            stop()
        elif letter == b"c":
            send(signal.SIGCONT, below())
        else:
            break
        os.write(1, letter)

stop()
while reap():
    send(signal.SIGKILL, below())
    time.sleep(0.005)
