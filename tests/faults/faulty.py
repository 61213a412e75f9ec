"""A process that forks command lines in which something goes wrong at a counted event.

Run as a script, with the arguments of a command line that is run undisturbed; the number of its
events is the first line of output. Then each line of its input is a list of requests in JSON, which
are run at the same time; it answers with a line of their exit codes. Children share its imports, so
that a fault costs a fraction of a second. What goes wrong is patched into the child alone: the
package has no switch for it.

The events are what changes a file system: opening to create, writing, flushing, renaming, removing
and making folders. Of a write, half of the bytes come to be before the process is killed; of the
others none, or the whole of it, by turns.
"""

import contextlib
import functools
import json
import os
import random
import signal
import sys
import time
import traceback

EVENTS = ("open", "write", "fsync", "replace", "rename", "unlink", "mkdir", "rmdir")
DAY = 24 * 3600.0


class Events:
    """Counts events; at the chosen one the process is killed."""

    def __init__(self, kill_at=None):
        self.count, self.kill_at = 0, kill_at
        self._real = {name: getattr(os, name) for name in EVENTS}
        for name, real in self._real.items():
            setattr(os, name, self._counted(name, real))

    def stop(self):
        """Count no more."""
        for name, real in self._real.items():
            setattr(os, name, real)

    def _counted(self, name, real):
        def call(*arguments, **more):
            if name == "open" and not arguments[1] & os.O_CREAT:
                return real(*arguments, **more)
            self.count += 1
            if self.count != self.kill_at:
                return real(*arguments, **more)
            try:
                if name == "write":
                    descriptor, data = arguments
                    real(descriptor, memoryview(data)[: max(1, len(data) // 2)])
                elif self.count % 2:
                    real(*arguments, **more)
            finally:  # also where it fails, as making a folder that is there does
                os.kill(os.getpid(), signal.SIGKILL)

        return call


def jump(seed):
    """Every look at the wall clock is up to a day before or after the last one."""
    chance, real = random.Random(seed), time.time
    time.time = lambda: real() + chance.uniform(-DAY, DAY)


def small_portions():
    """Write whatever there is at once, so that there are many moments between two files."""
    from paralbench.audio.cache import AudioCache
    from paralbench.features import batching, collecting

    collecting.FLUSH_SECONDS = 0.0
    batching.BUDGETS["cpu"] = 48_000
    AudioCache.__init__.__kwdefaults__["shard_bytes"] = 100_000


def child(request):
    """Become the command line."""
    from paralbench.cli import main

    os.environ["PARALBENCH_HOME"] = request["home"]
    log = os.open(request["log"], os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if request.get("clock") is not None:
        jump(request["clock"])
    sys.argv = ["paralbench", *request["arguments"]]
    if request.get("kill_at") is not None:
        Events(request["kill_at"])
    try:
        main()
    except SystemExit as exit:
        return exit.code if isinstance(exit.code, int) else int(exit.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def undisturbed(arguments):
    """Run a command line here; its number of events.

    So children find imported what it imports on first use.
    """
    import torch

    from paralbench.cli import main, options

    torch.set_num_threads(1)
    small_portions()
    loaded = functools.cache(options.load_catalogue)
    options.load_catalogue = lambda folders: loaded(tuple(folders))
    sys.argv = ["paralbench", *arguments]
    events = Events()
    with (
        open(os.devnull, "w") as nowhere,
        contextlib.redirect_stderr(nowhere),
        contextlib.suppress(SystemExit),
    ):
        main()
    events.stop()
    return events.count


def serve():
    """Answer requests: ``code`` is the exit code, minus the signal where one ended the child."""
    print(undisturbed(sys.argv[1:]), flush=True)
    for line in sys.stdin:
        requests = json.loads(line)
        pids = []
        for request in requests:
            pid = os.fork()
            if not pid:
                code = 99
                try:
                    code = child(request)
                except Exception:
                    traceback.print_exc()
                finally:
                    os._exit(code)
            pids.append(pid)
        codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
        print(json.dumps(codes), flush=True)


if __name__ == "__main__":
    serve()
