"""The sandbox: what a process in it sees, and what it may do. Each claim is tried from inside."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from coursekit import sandbox
from coursekit.sandbox import Limits, Sandbox

ROOT = Path(__file__).resolve().parents[1]


LIMITS = Limits()


def inside(code: str, limits: Limits = LIMITS, **more):
    """Run Python code in the sandbox; what it printed."""
    command = Sandbox(None, limits=limits, **more).command(
        [sys.executable, "-c", textwrap.dedent(code)]
    )
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module", autouse=True)
def works_here():
    assert sandbox.probe() == ""  # CI has bubblewrap; without it nothing here is tested


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


def test_this_machines_files_are_not_there(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("expected text")
    code = f"import os; print(os.path.exists({str(secret)!r}), os.path.exists('/etc/passwd'))"
    assert inside(code).stdout == "False False\n"


def test_other_processes_are_not_there():
    code = "import os; print(len([p for p in os.listdir('/proc') if p.isdigit()]))"
    assert int(inside(code).stdout) <= 3  # bubblewrap's own, and this one


def test_unprivileged():
    code = """
        import os
        status = dict(line.split(":", 1) for line in open("/proc/self/status"))
        kinds = [status[f"Cap{kind}"].strip("0 \\t\\n") for kind in ("Eff", "Prm", "Inh")]
        print(os.getuid() != 0, kinds, status["NoNewPrivs"].strip())
        """
    assert inside(code).stdout == "True ['', '', ''] 1\n"


@pytest.mark.parametrize("place", ["/", "/usr", "/dev", sys.prefix])
def test_nothing_can_be_written(place):
    code = f"""
        try:
            open({place!r} + "/here", "w")
        except OSError as error:
            print(type(error).__name__)
        """
    assert inside(code).stdout.strip() in ("OSError", "PermissionError")


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


def test_the_environment_is_ours(monkeypatch):
    monkeypatch.setenv("SECRET", "expected text")
    assert "SECRET" not in inside("import os; print(*os.environ)").stdout


def test_no_network():
    code = """
        import socket
        sockets = [name for _, name in socket.if_nameindex()]
        print(sockets)
        """
    command = Sandbox(None).command([sys.executable, "-c", textwrap.dedent(code)])
    done = subprocess.run(
        sandbox.offline(command), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "['lo']\n"


def test_memory_is_limited():
    code = """
        try:
            b"x" * (2 << 30)
        except MemoryError:
            print("no memory")
        """
    assert inside(code, Limits(memory=1 << 30)).stdout == "no memory\n"


def test_processes_are_limited():
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
    assert inside(code, Limits(processes=40)).stdout == "True\n"


def test_processes_end_with_it():
    code = "import os, time; os.fork() or (time.sleep(60), os._exit(0)); print('done')"
    assert inside(code).stdout == "done\n"  # else it would wait for the child's copy of stdout


def test_a_private_file_is_copied(tmp_path):
    private = tmp_path / "connection.json"
    private.write_text(json.dumps({"key": 1}))
    private.chmod(0o600)
    result = tmp_path / "result"
    code = "import json, os; os._exit(json.load(open('/tmp/private'))['key'] + 41)"
    command = Sandbox(None).command([sys.executable, "-c", code], private=str(private))
    assert subprocess.run(command, timeout=60, check=False).returncode == 42
    assert not result.exists()


def test_a_machine_without_bubblewrap_says_so(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    sandbox.probe.cache_clear()
    try:
        assert sandbox.probe().startswith("There is no bwrap")
    finally:
        sandbox.probe.cache_clear()


def test_a_bubblewrap_that_fails_says_why(monkeypatch, tmp_path):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    sandbox.probe.cache_clear()
    try:
        assert "No permissions to create new namespace" in sandbox.probe()
    finally:
        sandbox.probe.cache_clear()
