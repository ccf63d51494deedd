"""The sandboxes: what a process in them sees, and what it may do. Each claim is tried from inside.

The weaker one is tried in a simulated container, where bubblewrap fails.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import psutil
import pytest
from support.containers import container

from coursekit.sandbox import Bubblewrap, Limits, OwnUid, Plain, base, bubblewrap

ROOT = Path(__file__).resolve().parents[2]


pytestmark = pytest.mark.bubblewrap

LIMITS = Limits()
IN_CONTAINER = """
import json, subprocess, sys
from coursekit.sandbox import Limits, OwnUid
code, limits = json.loads(sys.argv[1])
with OwnUid(limits=Limits(**limits)) as sandbox:
    subprocess.run(sandbox.command([sys.executable, "-c", code]), timeout=600)
"""


def inside(code: str, limits: Limits = LIMITS, **more):
    """Run Python code in bubblewrap; what it printed."""
    command = Bubblewrap(limits=limits, **more).command(
        [sys.executable, "-c", textwrap.dedent(code)]
    )
    return run(command)


def run(command, **more):
    more = {"capture_output": True, "text": True, "timeout": 60, "check": False, **more}
    return subprocess.run(command, **more)


@pytest.fixture
def weaker(tmp_path):
    """Run Python code in the weaker sandbox, in a container; what it printed."""

    def inside(code, limits=LIMITS, landlock=True):
        given = json.dumps([textwrap.dedent(code), vars(limits)])
        command = [sys.executable, "-c", IN_CONTAINER, given]
        return run(container(command, tmp_path, landlock), cwd=ROOT)

    return inside


@pytest.fixture(params=[Bubblewrap, OwnUid])
def either(request):
    """Both, for what holds in both."""
    return inside if request.param == Bubblewrap else request.getfixturevalue("weaker")


def test_the_course_is_not_there():
    code = f"""
        import os, sys
        root = {str(ROOT)!r}
        seen = [p for p in ("notebooks", "coursekit", "styletools", "tests") if
                os.path.exists(os.path.join(root, p))]
        found = [n for n in ("coursekit", "styletools")
                 if __import__("importlib.util").util.find_spec(n)]
        print(seen, found, os.listdir("/handin"))
        """
    assert inside(code).stdout == "[] [] []\n"


@pytest.fixture
def shown():
    """A folder among those that every answer sees."""
    folder = Path(tempfile.mkdtemp(prefix="test-", dir=sys.prefix))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_a_class_in_the_folders_of_python_is_covered(shown, monkeypatch):
    """And by a link, too. What is not covered is found before anything is graded."""
    (shown / "class").mkdir()
    for name in ("class/ada.ipynb", "list.csv", "tool"):
        (shown / name).write_text("x")
    (shown / "link").symlink_to(shown / "class")
    hidden = shown / "link", shown / "list.csv"
    code = f"""
        for name in ("class/ada.ipynb", "link/ada.ipynb", "list.csv", "tool"):
            try:
                print(open({str(shown)!r} + "/" + name).read())
            except OSError:
                print("no")
        """
    assert inside(code, hidden=hidden).stdout == "no\nno\nno\nx\n"
    assert Bubblewrap(hidden=hidden).trouble() == ""
    monkeypatch.setattr(bubblewrap, "covered", lambda hidden: set())
    exposed = Bubblewrap(hidden=(shown / "class",)).trouble()
    assert exposed.startswith("Every answer could read ")


def test_this_machines_files_are_not_there(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("expected text")
    code = f"import os; print(os.path.exists({str(secret)!r}), os.path.exists('/etc/passwd'))"
    assert inside(code).stdout == "False False\n"


def test_other_processes_are_not_there():
    code = "import os; print(len([p for p in os.listdir('/proc') if p.isdigit()]))"
    assert int(inside(code).stdout) <= 3  # bubblewrap's own, and this one


def test_unprivileged(either):
    code = """
        import os
        status = dict(line.split(":", 1) for line in open("/proc/self/status"))
        kinds = [status[f"Cap{kind}"].strip("0 \\t\\n") for kind in ("Eff", "Prm", "Inh")]
        print(os.getuid() != 0, kinds, status["NoNewPrivs"].strip())
        """
    assert either(code).stdout == "True ['', '', ''] 1\n"


@pytest.mark.parametrize("place", ["/", "/usr", "/dev", sys.prefix])
def test_nothing_can_be_written(either, place):
    code = f"""
        try:
            open({place!r} + "/here", "w")
        except OSError as error:
            print(type(error).__name__)
        """
    assert either(code).stdout.strip() in ("OSError", "PermissionError")


def test_scratch_space_is_small():
    code = """
        written = 0
        try:
            for number in range(8):
                with open(f"/handin/{number}", "wb") as file:
                    written += file.write(b"x" * (1 << 20))
        except OSError:
            pass
        print(written <= 5 << 20)
        """
    assert inside(code, Limits(scratch=4 << 20)).stdout == "True\n"


def test_the_environment_is_ours(either, monkeypatch):
    monkeypatch.setenv("SECRET", "expected text")
    printed = either("import os; print(*os.environ)").stdout
    assert "STYLETOOLS_BACKBONE" in printed
    assert "SECRET" not in printed


def test_no_network():
    code = """
        lines = open("/proc/net/dev").read().splitlines()[2:]
        print([line.split(":")[0].strip() for line in lines])
        """
    command = Bubblewrap().command([sys.executable, "-c", textwrap.dedent(code)])
    done = subprocess.run(
        Bubblewrap().offline(command), capture_output=True, text=True, timeout=600, check=False
    )
    assert done.stdout == "['lo']\n"


def test_sockets_are_of_two_families(either):
    code = """
        import socket
        families = {"unix": 1, "inet": 2, "inet6": 10, "packet": 17, "tipc": 30, "bluetooth": 31,
                    "alg": 38, "vsock": 40, "qipcrtr": 42}
        for name, family in families.items():
            try:
                socket.socket(family, 1).close()
                print(name)
            except OSError as error:
                assert error.errno == 97, (name, error)
        """
    done = either(code)
    assert done.stdout == "unix\ninet\n", done.stderr


def test_two_answers_cannot_speak_through_a_file_that_both_see(either):
    code = """
        import ctypes, fcntl, os, sys
        libc = ctypes.CDLL(None, use_errno=True)
        file = open("/usr/bin/env", "rb")

        def watched():
            if libc.inotify_init1(0) < 0:
                raise OSError(ctypes.get_errno(), "inotify")

        def noticed():
            fcntl.fcntl(os.open("/usr/bin", os.O_RDONLY), fcntl.F_NOTIFY, fcntl.DN_ACCESS)

        for attempt in (
            lambda: fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB),
            lambda: fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB),
            lambda: fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK),
            watched, noticed,
        ):
            try:
                attempt()
                print("spoken")
            except PermissionError:
                print("no")
        print(fcntl.fcntl(file, fcntl.F_GETFD))
        """
    done = either(code)
    assert done.stdout == "no\n" * 5 + "1\n", done.stderr


def test_memory_is_limited(either):
    code = """
        try:
            b"x" * (2 << 30)
        except MemoryError:
            print("no memory")
        """
    assert either(code, Limits(memory=1 << 30)).stdout == "no memory\n"


def test_processes_are_limited(either):
    code = """
        import os, time
        made = 0
        try:
            for _ in range(200):
                if os.fork() == 0:
                    time.sleep(5)
                    os._exit(0)
                made += 1
        except OSError:
            pass
        print(made < 40)
        """
    assert either(code, Limits(processes=40)).stdout == "True\n"


def test_processes_end_with_it(either):
    code = "import os, time; os.fork() or (time.sleep(700), os._exit(0)); print('done')"
    assert either(code).stdout == "done\n"  # else it would wait for the child's copy of stdout


def test_a_private_file_is_copied(tmp_path):
    private = tmp_path / "connection.json"
    private.write_text(json.dumps({"key": 1}))
    private.chmod(0o600)
    result = tmp_path / "result"
    code = "import json, os, sys; os._exit(json.load(open(sys.argv[1]))['key'] + 41)"
    command = [sys.executable, "-c", code, str(private)]
    command = Bubblewrap().command(command, private=str(private))
    assert subprocess.run(command, timeout=600, check=False).returncode == 42
    assert not result.exists()


# --- The weaker sandbox --------------------------------------------------------------------------


@pytest.mark.parametrize("landlock", [True, False])
def test_in_a_container_the_course_cannot_be_read(weaker, landlock):
    code = f"""
        import os, sys
        read = []
        sys.path.append({str(ROOT)!r})
        for module in ("coursekit.inside.verdicts", "styletools.losses"):
            try:
                __import__(module)
                read.append(module)
            except (ImportError, PermissionError):
                pass
        for top, folders, files in os.walk({str(ROOT / "notebooks")!r}):
            read += files
        for name in ("notebooks/lessons/02_gram.py", ".git/HEAD", "tests/conftest.py"):
            try:
                read.append(open(os.path.join({str(ROOT)!r}, name)).read(9))
            except OSError:
                pass
        print(read)
        """
    assert weaker(code, landlock=landlock).stdout == "[]\n"


def test_with_landlock_this_machines_files_cannot_be_read(weaker, tmp_path):
    code = """
        for path in ("/etc/passwd", "/proc/1/cmdline", "/proc/version", "/var/lib/dpkg/status"):
            try:
                print(open(path).read(9))
            except PermissionError:
                print("no")
        print(open("/proc/self/comm").read().strip())
        """
    assert weaker(code).stdout == "no\nno\nno\nno\npython\n"


@pytest.mark.parametrize("landlock", [True, False])
def test_in_a_container_nobody_is_reached(weaker, landlock):
    code = """
        import os, socket
        listener = socket.create_server(("127.0.0.1", 0))  # a kernel is spoken to so

        def connected():
            socket.create_connection(listener.getsockname(), timeout=5)

        def opened_fast():
            with socket.socket() as fresh:
                fresh.sendto(b"x", socket.MSG_FASTOPEN, listener.getsockname())

        def sent():
            with socket.socket(type=socket.SOCK_DGRAM) as fresh:
                fresh.sendto(b"x", ("127.0.0.1", 9))

        def signalled():
            os.kill(1, 0)

        for attempt in (connected, opened_fast, sent, signalled):
            try:
                attempt()
                print("reached:", attempt.__name__)
            except PermissionError:
                print("no")
        """
    assert weaker(code, landlock=landlock).stdout == "no\n" * 4


def test_in_a_container_nothing_is_left(weaker):
    """A daemon, which left its session, and files where everybody may write."""
    code = """
        import os, time
        for place in ("/tmp", "/var/tmp", "/dev/shm"):
            try:
                os.makedirs(f"{place}/left-{os.getuid()}/deep")
            except OSError:
                pass
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(300)
            os._exit(0)
        os.wait()
        print(os.getuid())
        """
    user = int(weaker(code, landlock=False).stdout)
    running = [p for p in psutil.process_iter() if p.status() != psutil.STATUS_ZOMBIE]
    assert user not in {process.uids().real for process in running}
    for place in map(Path, ("/tmp", "/var/tmp", "/dev/shm")):
        assert [path.name for path in place.iterdir() if str(user) in path.name] == []


TRY = """
import sys
from pathlib import Path
from coursekit.sandbox import choose
hidden = [Path(path) for path in sys.argv[2:]]
sandbox, trouble = choose(sys.argv[1] == "True", hidden)
print(sandbox.name, trouble, sep="\\n")
"""


def chosen(tmp_path, allowed, *hidden, landlock=True, before=()):
    command = [*before, sys.executable, "-c", TRY, str(allowed), *hidden]
    return run(container(command, tmp_path, landlock), cwd=ROOT).stdout.split("\n")


def test_in_a_container_nothing_is_chosen_unasked(tmp_path):
    mode, trouble, _ = chosen(tmp_path, False)
    assert mode == Bubblewrap.name
    assert "bubblewrap does not work here" in trouble
    assert "--allow-weaker-sandbox" in trouble


@pytest.mark.parametrize("landlock", [True, False])
def test_in_a_container_the_weaker_one_is_chosen(tmp_path, landlock):
    in_groups = [shutil.which("setpriv"), "--groups=0,4"]  # which an answer must not be in
    assert chosen(tmp_path, True, landlock=landlock, before=in_groups) == [OwnUid.name, "", ""]


def test_what_everybody_can_read_is_named(tmp_path):
    """Without Landlock; the folder lies where every user gets to."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "ada.ipynb").write_text("her answer")
        relative = os.path.relpath(folder, ROOT)
        mode, trouble, _ = chosen(tmp_path, True, relative, landlock=False)
        assert mode == OwnUid.name
        assert f"chmod o-rwx {folder}" in trouble
        Path(folder).chmod(0o700)
        assert chosen(tmp_path, True, folder, landlock=False) == [OwnUid.name, "", ""]


def test_only_root_can_have_the_weaker_one(tmp_path):
    other = [shutil.which("setpriv"), "--reuid=12345", "--clear-groups"]
    other += ["/usr/bin/env", "PATH=/nowhere"]  # without bubblewrap, which users may run
    mode, trouble, _ = chosen(tmp_path, True, before=other)
    assert mode == OwnUid.name
    assert "only root" in trouble


def test_users_are_those_that_a_container_has(monkeypatch):
    assert base.fresh_user() > 65_536
    monkeypatch.setattr(Path, "read_text", lambda self: "0 100000 65536\n")
    users = {base.fresh_user() for _ in range(200)}
    assert max(users) + 1 < 65_534  # nobody
    assert min(users) >= 20_000
    assert len(users) > 100


# --- Where it does not work ----------------------------------------------------------------------


def test_a_machine_without_bubblewrap_says_so(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    base._trouble.cache_clear()
    try:
        assert Bubblewrap().trouble().startswith("There is no bwrap")
    finally:
        base._trouble.cache_clear()


def test_a_bubblewrap_that_fails_says_why(monkeypatch, tmp_path):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    base._trouble.cache_clear()
    try:
        assert "No permissions to create new namespace" in Bubblewrap().trouble()
    finally:
        base._trouble.cache_clear()


@pytest.mark.parametrize("kind", [Plain, Bubblewrap])
def test_a_script_writes_nothing_into_the_graders_folder(kind, tmp_path, monkeypatch):
    (tmp_path / "images").mkdir()
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "script.py"
    script.write_text(
        "import json, os\nfound = os.listdir('.')\n"
        "open('curve.jpg', 'w').close()\nprint(json.dumps(found))\n"
    )
    [found] = kind().furnished().call(script, {})
    assert set(found) <= {"script.py"}  # bubblewrap's own folder holds the script
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "script.py"]
