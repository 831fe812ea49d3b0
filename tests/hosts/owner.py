"""`python -m hosts.owner`: builds a fabric with a process on each host, says its name, and waits to be ended."""

import signal
import subprocess
import time

from hosts.fabric import fabric

if __name__ == "__main__":
    # Also where this is a background job of a shell, for which it is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with fabric(2) as made:
        for host in made.hosts:
            subprocess.Popen([*made.on(host), "sleep", "600"])
        print(made.name, flush=True)
        time.sleep(600)
